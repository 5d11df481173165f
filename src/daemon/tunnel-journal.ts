import type { HistoryEntry } from '../control/api.ts';
import { TunneldError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { RequestEvent } from '../core/request-event.ts';
import type { HealthReport, ReportedError, TunnelState } from '../core/status.ts';
import type { StateChange } from './tunnel-state.ts';

/** State changes kept for `inspect`. */
const HISTORY_LENGTH = 100;

const WORTH_A_WARNING: ReadonlySet<TunnelState> = new Set(['replacing', 'backing-off', 'giving-up']);

/** What happened to a tunnel, for its log and for `inspect`. */
export class TunnelJournal {
  readonly #log: Logger;
  readonly #clean: (text: string) => string;
  #history: HistoryEntry[] = [];

  /** @param clean takes known secrets out of what providers and servers wrote */
  constructor(log: Logger, clean: (text: string) => string) {
    this.#log = log;
    this.#clean = clean;
  }

  /** Newest first. */
  get history(): readonly HistoryEntry[] {
    return [...this.#history].reverse();
  }

  stateChanged(change: StateChange, lastError: ReportedError | undefined): void {
    const { from, event, to, at } = change;
    const cause = this.#clean(change.cause);
    this.#history.push({ at, from, event, to, cause });
    this.#history.splice(0, this.#history.length - HISTORY_LENGTH);
    const error = to === 'failed' || to === 'backing-off' ? lastError : undefined;
    const level = to === 'failed' ? 'error' : WORTH_A_WARNING.has(to) ? 'warn' : 'info';
    const { code, remedy } = error ?? {};
    this.#log[level]({ from, event, to, cause, code, remedy }, 'tunnel state changed');
  }

  /** Only news is worth a line: the same verdict for another reason is. */
  healthReported(before: HealthReport, report: HealthReport): void {
    const { verdict, cause, remedy, local, public: publicLeg } = report;
    const news = before.verdict !== verdict || before.cause !== cause;
    if (!news || (verdict === 'unknown' && before.verdict === 'unknown')) return;
    const level = verdict === 'healthy' || verdict === 'unknown' ? 'info' : 'warn';
    this.#log[level](
      {
        from: before.verdict,
        to: verdict,
        cause,
        remedy: remedy || undefined,
        local: local?.finding,
        public: publicLeg?.finding,
      },
      'tunnel health changed',
    );
  }

  requestDone(event: RequestEvent): void {
    this.#log[levelOf(event)]({ kind: 'request', ...event }, 'request');
  }

  /** Returns what is to be reported. */
  notSetUp(error: unknown): Omit<ReportedError, 'at'> {
    const known = error instanceof TunneldError;
    const reported = known ? error : new TunneldError('INTERNAL', `Unexpected failure: ${String(error)}`);
    const { code, message, remedy } = reported;
    this.#log.error(
      { code, cause: message, remedy, ...(known ? {} : { err: error }) },
      'tunnel cannot be set up',
    );
    return { code, message: this.#clean(message), remedy };
  }
}

/** Clients end by closing their streams; one that goes before its answer began is worth a look. */
function levelOf({ probe, outcome, sse, firstByteMs }: RequestEvent): 'debug' | 'info' | 'warn' {
  if (probe) return 'debug';
  const ordinary =
    outcome === 'complete' || (outcome === 'caller-gone' && (sse === true || firstByteMs !== undefined));
  return ordinary ? 'info' : 'warn';
}
