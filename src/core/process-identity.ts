import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Stands for the start time of a process that has ended and is still listed. */
const ENDED = 'ended';

/** A process, told apart from a later one that was given the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** As `startTimeOf` gave it. */
  readonly startTime: string;
}

/** `unsure`: a process has the pid, and the system does not say when it started. */
export type Presence = 'running' | 'unsure' | 'gone';

/** Whether that very process still runs. */
export function presenceOf({ pid, startTime }: ProcessIdentity): Presence {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, as another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return 'gone';
  }
  const now = startTimeOf(pid);
  if (now === undefined) return 'unsure';
  return now === startTime ? 'running' : 'gone';
}

/**
 * When the process started, in whatever form the system has it; undefined when it cannot be told.
 *
 * A killed process nobody waited for (a container without an init) keeps its entry and its start
 * time; it is told apart by its state.
 */
export function startTimeOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      const started = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' });
      const [state = '', ...time] = started.trim().split(/\s+/);
      return state.startsWith('Z') ? ENDED : time.join(' ');
    }
    // The command name (field 2) may hold spaces and brackets; the fields are counted from its end.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, ticksSinceBoot] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X') return ENDED;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}/${ticksSinceBoot}`;
  } catch {
    return undefined;
  }
}
