import { join } from 'node:path';
import { keepSecret, secretFolder } from '../config/secret-store.ts';
import { TunneldError } from '../core/errors.ts';
import type { CliIo } from './io.ts';

/**
 * Asks the daemon with `spec`. A variable that it refers to as `env:NAME`, that the daemon does not
 * have and this shell has, is kept in a file (mode 0600) of the state folder, and referred to as
 * `file:PATH`: the daemon was started before it was set, and the next one may be started without.
 */
export async function withShellSecrets<T>(
  spec: unknown,
  io: CliIo,
  ask: (spec: unknown) => Promise<T>,
): Promise<T> {
  const kept = new Map<string, string>();
  for (;;) {
    try {
      const answer = await ask(withFiles(spec, kept));
      for (const [name, file] of kept)
        io.err(
          `tunneld: the running daemon does not have ${name}: its value in this shell is kept in ${file}`,
        );
      return answer;
    } catch (error) {
      const name = missingIn(error);
      const value = name === undefined ? undefined : io.env[name];
      if (name === undefined || kept.has(name) || value === undefined || value === '') throw error;
      if (!JSON.stringify(spec ?? {}).includes(`"env:${name}"`)) throw error;
      kept.set(name, keep(secretFolder(io.paths().stateDir), name, value));
    }
  }
}

function missingIn(error: unknown): string | undefined {
  if (!(error instanceof TunneldError) || error.code !== 'SECRET_UNAVAILABLE') return undefined;
  return /environment variable ([A-Za-z_]\w*) is (?:not set|empty)/.exec(error.message)?.[1];
}

/** The same data with files in place of the variables that were kept in one. */
function withFiles(value: unknown, kept: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') {
    const file = value.startsWith('env:') ? kept.get(value.slice('env:'.length)) : undefined;
    return file === undefined ? value : `file:${file}`;
  }
  if (Array.isArray(value)) return value.map((item) => withFiles(item, kept));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withFiles(inner, kept)]));
}

function keep(folder: string, name: string, value: string): string {
  const file = join(folder, name);
  keepSecret(file, folder, value);
  return file;
}
