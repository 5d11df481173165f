import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/error-message.ts';
import { TunneldError } from '../../core/errors.ts';

/** `warn`: it works, and the user should know of it. `skipped`: there was nothing to look at. */
export type CheckResult = 'ok' | 'warn' | 'bad' | 'skipped';

export interface Outcome {
  readonly result: CheckResult;
  /** One sentence with the evidence (never a secret). */
  readonly detail: string;
  /** What the user can do; empty when nothing is wrong. */
  readonly remedy: string;
}

/** One thing to look at. */
export interface Check {
  /** A stable word: scripts match on it. */
  readonly id: string;
  /** The tunnel it is about; absent: this machine. */
  readonly tunnel?: string;
  /** What is looked at and why, for `--explain`. */
  readonly about: string;
  /** Several outcomes where one look shows several things; each has a name of its own then. */
  run(): Promise<Outcome | readonly NamedOutcome[]>;
}

export interface NamedOutcome extends Outcome {
  readonly id: string;
}

export interface CheckReport extends Outcome {
  readonly id: string;
  readonly tunnel?: string;
  readonly about: string;
}

export const ok = (detail: string): Outcome => ({ result: 'ok', detail, remedy: '' });
export const bad = (detail: string, remedy: string): Outcome => ({ result: 'bad', detail, remedy });
export const warn = (detail: string, remedy: string): Outcome => ({ result: 'warn', detail, remedy });
export const skipped = (detail: string): Outcome => ({ result: 'skipped', detail, remedy: '' });

/**
 * Runs all checks at once; reports in the order given, which is that of causes before consequences.
 *
 * @param limitMs one that hangs is reported as bad after this
 */
export async function runChecks(
  checks: readonly Check[],
  clock: Clock,
  limitMs: number,
): Promise<readonly CheckReport[]> {
  const reports = await Promise.all(
    checks.map(async (check) => {
      const { id, tunnel, about } = check;
      const found = await bounded(check, clock, limitMs);
      const outcomes = 'result' in found ? [{ id, ...found }] : found;
      return outcomes.map((outcome) => ({ about, ...outcome, ...(tunnel === undefined ? {} : { tunnel }) }));
    }),
  );
  return reports.flat();
}

function bounded(check: Check, clock: Clock, limitMs: number): ReturnType<Check['run']> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(() => {
      const remedy = 'See what keeps it from answering, and look again.';
      resolve(bad(`no answer within ${limitMs / 1_000} s`, remedy));
    }, limitMs);
    void check
      .run()
      .catch(outcomeOf)
      .then((outcome) => {
        timer.cancel();
        resolve(outcome);
      });
  });
}

/** What to look at before all else: what is bad, or else what one should know. */
export function firstOf(reports: readonly CheckReport[]): CheckReport | undefined {
  return reports.find(({ result }) => result === 'bad') ?? reports.find(({ result }) => result === 'warn');
}

/** A check that ran into something it has no words for: whatever the reason, it did not succeed. */
function outcomeOf(error: unknown): Outcome {
  if (error instanceof TunneldError) return bad(`${error.code}: ${error.message}`, error.remedy);
  const text = messageOf(error);
  return bad(text, 'This check failed in a way it does not know; `tunneld logs` may say more.');
}
