import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { TunneldError } from '../core/errors.ts';
import { parseJson } from '../core/parse-json.ts';
import { attempt, isStorageShort, reasonOf } from './private-files.ts';
import { STATE_VERSION, type StateOnDisk, stateOnDisk } from './state-schema.ts';

export interface ReadState {
  /** Undefined when there is none, or none that can be used. */
  readonly state: StateOnDisk | undefined;
  /** What became of a state that could not be used: for the user to know. */
  readonly alerts: readonly string[];
}

/** The copy that is made of every state that was written whole. */
function copyOf(file: string): string {
  return `${file}.good`;
}

/**
 * The state on disk. One that is damaged, cut short or gone is replaced by the last good copy, and
 * kept aside.
 *
 * @param aside names the file that a damaged one is kept as
 * @throws {TunneldError} `STATE_UNWRITABLE`, `STATE_NEWER`
 */
export function readState(file: string, aside: string): ReadState {
  const found = parsed(file);
  if (typeof found === 'object') return { state: found, alerts: [] };
  const copy = parsed(copyOf(file));
  if (found === 'missing' && typeof copy !== 'object') return { state: undefined, alerts: [] };
  const what = found === 'missing' ? `${file} was gone` : keptAside(file, aside);
  if (typeof copy === 'object') {
    const names = Object.keys(copy.tunnels);
    const tunnels = names.length === 0 ? 'no tunnel' : names.join(', ');
    return { state: copy, alerts: [`${what}; its last good copy was used: it knows ${tunnels}`] };
  }
  return {
    state: undefined,
    alerts: [
      `${what}, and there is no good copy: tunnels made with \`tunneld up\`, and all tokens, start anew`,
    ],
  };
}

/** Makes the copy that `readState` falls back to. Never throws: it is a second chance, not the state. */
export function copyState(file: string): void {
  const unfinished = `${copyOf(file)}.tmp-${process.pid}`;
  try {
    copyFileSync(file, unfinished);
    renameSync(unfinished, copyOf(file));
  } catch {
    rmSync(unfinished, { force: true });
  }
}

/** A daemon killed while it wrote left its new file behind, tokens included. */
export function removeUnfinishedWrites(file: string): void {
  const folder = dirname(file);
  if (!existsSync(folder)) return;
  const names = [file, copyOf(file)].map((path) => `${basename(path)}.tmp-`);
  attempt('STATE_UNWRITABLE', `${folder} cannot be cleaned`, () => {
    for (const name of readdirSync(folder)) {
      if (!names.some((start) => name.startsWith(start))) continue;
      try {
        rmSync(join(folder, name), { force: true });
      } catch (error) {
        if (!isStorageShort(error)) throw error;
      }
    }
  });
}

function parsed(file: string): StateOnDisk | 'missing' | 'damaged' {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return 'missing';
    throw new TunneldError('STATE_UNWRITABLE', `${file} cannot be read: ${reasonOf(cause)}`, { cause });
  }
  const data = parseJson(text);
  const version = (data as { readonly version?: unknown } | null | undefined)?.version;
  if (typeof version === 'number' && version > STATE_VERSION) {
    throw new TunneldError(
      'STATE_NEWER',
      `${file} is of version ${version}, and this tunneld knows ${STATE_VERSION}`,
    );
  }
  const result = stateOnDisk.safeParse(data);
  return result.success ? result.data : 'damaged';
}

function keptAside(file: string, aside: string): string {
  try {
    renameSync(file, aside);
    return `${file} was damaged and is kept as ${aside}`;
  } catch (cause) {
    if (isStorageShort(cause)) return `${file} is damaged`;
    throw new TunneldError('STATE_UNWRITABLE', `${file} cannot be moved aside: ${reasonOf(cause)}`, {
      cause,
    });
  }
}
