import { VERDICTS, type Verdict } from '../core/status.ts';
import type { Finding } from './probe-result.ts';

/** When the daemon's schedule ticks, probes of many tunnels must not all leave in the same instant. */
export const TICK_JITTER_MS = 2_000;
/** Hints come in bursts (a link drops, ten requests fail): the first probe answers them all. */
export const WAKE_DEBOUNCE_MS = 200;
/** Between the starts of two probe rounds, whoever asks for them. */
export const MIN_SPACING_MS = 2_000;
/** A provider's name may need a moment to resolve: failures this early prove nothing. */
export const OPENING_GRACE_MS = 10_000;
/** Traffic this recent proves the path as well as a probe would. */
export const TRAFFIC_FRESH_MS = 30_000;
/** A call that got an answer outweighs a question of ours that did not, for so long. */
export const GOOD_NEWS_MS = 60_000;
/** A visitor who came through this recently proves the way to us. */
export const VISIT_FRESH_MS = 60_000;
/** Calls that fail are looked into, though not after each of them. */
export const SUSPICION_SPACING_MS = 5_000;
/** Between looks at whether the server still listens: one stopped must not seem healthy until the next probe. */
export const LISTENING_CHECK_MS = 5_000;
/** A supervisor that could not act on our reason hears it again. */
export const REPLACE_AGAIN_MS = 30_000;
/** How long a provider without a Retry-After is left alone once its quota is used up. */
export const LIMITED_QUIET_MS = 60_000;

const OPENING_RETRY_MS = 500;
const CONFIRM_MS = 2_000;
/** Only a TCP connect, so it may be frequent: the user just started the server and is watching. */
const LISTENING_POLL_MS = 2_000;
const TROUBLE_MIN_MS = 5_000;
const TROUBLE_SPREAD_MS = 5_000;

export interface PaceInput {
  readonly verdict: Verdict;
  readonly localFinding: Finding;
  /** The public leg fails, and the session is too young to be blamed. */
  readonly opening: boolean;
  readonly strikes: number;
  /** No request without token has been refused yet in this session. */
  readonly exposureOpen: boolean;
  readonly random: () => number;
}

/** How soon to look again (milliseconds); undefined leaves it to the schedule. */
export function nextLook(input: PaceInput): number | undefined {
  const { verdict, random } = input;
  if (verdict === 'exposed') return undefined;
  if (verdict === 'server-down' && mayJustBeStarting(input.localFinding)) return LISTENING_POLL_MS;
  if (input.opening) return OPENING_RETRY_MS;
  if (input.strikes === 1) return CONFIRM_MS;
  if (verdict === 'limited') return LIMITED_QUIET_MS;
  const well = VERDICTS[verdict].serves || (verdict === 'unknown' && input.localFinding !== 'silent');
  if (well && !input.exposureOpen) return undefined;
  return TROUBLE_MIN_MS + random() * TROUBLE_SPREAD_MS;
}

/** Nothing listens there: a TCP connect is enough to see that change. */
export function mayJustBeStarting(finding: Finding): boolean {
  return finding === 'refused' || finding === 'unreachable';
}
