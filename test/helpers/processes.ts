import { readdir, readFile } from 'node:fs/promises';

export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  /** Arguments, separated by spaces. */
  readonly arguments: string;
  /** `NAME=value` lines; empty where the kernel does not let us read them. */
  readonly environment: string;
}

/** Every process of the machine that can be looked at, as `ps` would show it to another user. */
export async function processes(): Promise<readonly ProcessInfo[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return Promise.all(
    pids.map(async (pid) => ({
      pid: Number(pid),
      // The fourth field; the second is a name in brackets that may hold anything.
      parent: Number(/\) \S (\d+)[^)]*$/.exec(await read(`/proc/${pid}/stat`))?.[1] ?? 0),
      arguments: (await read(`/proc/${pid}/cmdline`)).replaceAll('\0', ' '),
      environment: (await read(`/proc/${pid}/environ`)).replaceAll('\0', '\n'),
    })),
  );
}

/** A process may end between being listed and being read. */
function read(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}
