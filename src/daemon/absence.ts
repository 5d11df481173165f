import { type ErrorCode, errorRow } from '../core/errors.ts';
import type { HealthReport, ReportedError, TunnelState, Verdict } from '../core/status.ts';
import type { ProviderKind } from '../providers/kind.ts';
import { KINDS } from '../providers/kinds.ts';
import type { Supervisor } from './supervisor.ts';
import type { TunnelEvent } from './tunnel-state.ts';

/** Why a tunnel has no session, in the words of a verdict. */
export type Absence = Pick<HealthReport, 'verdict' | 'cause' | 'remedy'>;

export interface AbsenceParts {
  readonly state: TunnelState;
  /** Of the last attempt, or of the session that ended for good. */
  readonly lastError: ReportedError | undefined;
  /** Cause of the last change of the state. */
  readonly cause: string;
  /** Nothing went wrong: the change was planned. */
  readonly planned: boolean;
  readonly online: boolean;
}

/** Changes that are no failure of the session before. */
const PLANNED: ReadonlySet<TunnelEvent> = new Set(['start', 'restart', 'expiring', 'stop']);

/** @param clean takes known secrets out of what providers wrote */
export function absenceParts(
  { state, lastError, lastChange }: Pick<Supervisor, 'state' | 'lastError' | 'lastChange'>,
  online: boolean,
  clean: (text: string) => string,
): AbsenceParts {
  return {
    state,
    lastError,
    cause: clean(lastChange?.cause ?? 'it is being opened'),
    planned: lastChange === undefined || PLANNED.has(lastChange.event),
    online,
  };
}

const OFFLINE: Absence = {
  verdict: 'network-down',
  cause: 'This machine has no network; no session can be opened.',
  remedy: 'Check the network connection of this machine; tunneld waits and goes on by itself.',
};

/** What to report while no session is open: the reason, not that nothing is known. */
export function absenceOf({ state, lastError, cause, planned, online }: AbsenceParts): Absence {
  if (!online) return OFFLINE;
  if (lastError !== undefined) {
    const { code, message, remedy } = lastError;
    return { verdict: verdictOf(code), cause: `No session: ${message}`, remedy };
  }
  if (state === 'opening' || planned) {
    return { verdict: 'unknown', cause: `No session is open yet: ${cause}.`, remedy: '' };
  }
  return {
    verdict: 'tunnel-down',
    cause: `No session: ${cause}.`,
    remedy: 'Nothing to do: tunneld opens another by itself.',
  };
}

const SPECIAL: Readonly<Record<string, Verdict>> = {
  CREDENTIAL_REJECTED: 'auth',
  TUNNEL_EXPOSED: 'exposed',
};

function ofProvider(code: string): Verdict | undefined {
  const kinds: readonly ProviderKind[] = KINDS;
  return kinds.map(({ verdicts }) => verdicts?.[code as ErrorCode]).find((verdict) => verdict !== undefined);
}

/** An error that would come again until somebody changes something is a matter of settings. */
function verdictOf(code: string): Verdict {
  const special = SPECIAL[code] ?? ofProvider(code);
  if (special !== undefined) return special;
  return errorRow(code)?.retryable === false ? 'config' : 'tunnel-down';
}
