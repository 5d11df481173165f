import { readFile } from 'node:fs/promises';

/**
 * Whether the process `pid` still runs. One that ended and was not collected by its parent yet (a
 * zombie; for ever in a container whose first process collects nobody) has ended for our purposes.
 */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The state follows the command in parentheses, which may itself contain any character.
  return stat !== undefined && stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
}
