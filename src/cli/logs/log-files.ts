import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TunneldError } from '../../core/errors.ts';
import { nearest } from '../../core/nearest.ts';

/** `figma.log` is being written; `figma.1.log` is the newest of those put aside, `figma.2.log` older. */
const LOG_FILE = /^([a-z][a-z0-9-]{0,31})(?:\.(\d+))?\.log$/;

export interface LogFiles {
  /** The tunnel's name, or `daemon`. */
  readonly name: string;
  /** Put aside, oldest first, then the one being written (which may not exist yet). */
  readonly paths: readonly string[];
}

/** The logs in `dir`, one entry a tunnel. A folder that does not exist holds none. */
export async function listLogs(dir: string): Promise<readonly LogFiles[]> {
  const rotations = new Map<string, number[]>();
  for (const file of await readdir(dir).catch(ignoreMissing)) {
    const [, name, rotation] = LOG_FILE.exec(file) ?? [];
    if (name !== undefined) rotations.set(name, [...(rotations.get(name) ?? []), Number(rotation ?? 0)]);
  }
  return [...rotations].map(([name, numbers]) => {
    const aside = numbers.filter((number) => number > 0).sort((a, b) => b - a);
    return {
      name,
      paths: [...aside.map((number) => rotatedPath(dir, name, number)), currentPath(dir, name)],
    };
  });
}

/**
 * The logs of one tunnel, or all of them.
 *
 * Names are looked up among the files there are, so that no name can lead out of the folder.
 *
 * @throws {TunneldError} `TUNNEL_NOT_FOUND`
 */
export async function chooseLogs(dir: string, name: string | undefined): Promise<readonly LogFiles[]> {
  const all = await listLogs(dir);
  if (name === undefined) return all;
  const chosen = all.filter((files) => files.name === name);
  if (chosen.length > 0) return chosen;
  const near = nearest(
    name,
    all.map((files) => files.name),
  );
  throw new TunneldError('TUNNEL_NOT_FOUND', `There is no log of a tunnel called "${name}" in ${dir}`, {
    ...(near === undefined
      ? {}
      : { remedy: `Did you mean \`tunneld logs ${near}\`? \`tunneld ps\` lists the tunnels.` }),
  });
}

export function currentPath(dir: string, name: string): string {
  return join(dir, `${name}.log`);
}

export function rotatedPath(dir: string, name: string, rotation: number): string {
  return join(dir, `${name}.${rotation}.log`);
}

function ignoreMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
