import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parse } from 'yaml';
import { Console, type Outcome } from '../console.ts';

/** A user who imports, and what is on the disk afterwards. */
export class Importer {
  readonly user = new Console();
  readonly configFile = join(this.user.folder, 'config', 'tunneld.yaml');
  readonly secretFolder = join(this.user.folder, 'state', 'secrets');

  constructor() {
    // `--config` would have to be said each time.
    this.user.env['XDG_CONFIG_HOME'] = this.user.folder;
    this.configFile = join(this.user.folder, 'tunneld', 'tunneld.yaml');
  }

  file(name: string, text: string): string {
    const path = join(this.user.folder, name);
    writeFileSync(path, text);
    return path;
  }

  type(...words: readonly string[]): Promise<Outcome> {
    return this.user.type('import', ...words);
  }

  /** Imports, and gives the entry with the secrets read from their files. */
  async entry(...words: readonly string[]): Promise<Record<string, unknown>> {
    const { code, stderr } = await this.type(...words);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [entry] = Object.values(this.tunnels());
    return resolved(entry) as Record<string, unknown>;
  }

  /** What would be printed: carried, same and left, each by what it came from. */
  async notes(...words: readonly string[]): Promise<Notes> {
    const { code, stdout, stderr } = await this.type('--dry-run', '--json', ...words);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout) as Notes;
  }

  tunnels(): Record<string, unknown> {
    return (parse(readFileSync(this.configFile, 'utf8')) as { tunnels: Record<string, unknown> }).tunnels;
  }

  /** Names and modes of the files that hold secrets. */
  secretFiles(): Record<string, string> {
    const names = readdirSync(this.user.folder).includes('state') ? readdirSync(this.secretFolder) : [];
    return Object.fromEntries(
      names.map((name) => [name, (statSync(join(this.secretFolder, name)).mode & 0o777).toString(8)]),
    );
  }
}

export interface Notes {
  readonly name: string;
  readonly entry: Record<string, unknown>;
  readonly carried: readonly { readonly from: string; readonly key: string; readonly why?: string }[];
  readonly same: readonly { readonly from: string; readonly why: string }[];
  readonly left: readonly { readonly from: string; readonly why: string }[];
  readonly advice: readonly string[];
}

function resolved(value: unknown): unknown {
  if (typeof value === 'string') {
    return value.replace(/file:(\/\S+)$/, (_, path: string) => readFileSync(path, 'utf8'));
  }
  if (Array.isArray(value)) return value.map(resolved);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner)]));
}
