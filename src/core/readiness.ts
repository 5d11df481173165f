import { type TunnelStatus, VERDICTS } from './status.ts';

/** State and verdict as one word pair: `up/healthy`, `backing-off`, `stopped`. */
export function stateWord({ state, health }: TunnelStatus): string {
  return state === 'up' ? `up/${health.verdict === 'unknown' ? 'checking' : health.verdict}` : state;
}

/** Nothing to worry about: it answers, or nobody wants it to. What `tunneld status` exits by. */
export function isFine(status: TunnelStatus): boolean {
  return status.desired === 'down' || isServing(status);
}

/** Callers are served, as far as anybody knows. */
export function isServing({ state, health }: TunnelStatus): boolean {
  return state === 'up' && VERDICTS[health.verdict].serves;
}

export interface Trouble {
  readonly why: string;
  readonly fix: string;
}

/** Why a wanted tunnel does not serve, and what to do; undefined when it does. */
export function troubleOf(status: TunnelStatus): Trouble | undefined {
  const { state, health, lastError } = status;
  if (isFine(status) && (health.verdict === 'healthy' || status.desired === 'down')) return undefined;
  // Without a network no attempt is made, and the last one's error is of another time.
  if (state !== 'up' && lastError !== undefined && health.verdict !== 'network-down') {
    return { why: `${lastError.code}: ${lastError.message}`, fix: lastError.remedy };
  }
  return health.cause === '' ? undefined : { why: health.cause, fix: health.remedy };
}

/** One thing that keeps the daemon from being ready, in the words of `tunneld status`. */
export interface Reason extends Trouble {
  /** The tunnel, or `daemon`: no tunnel may have that name. */
  readonly name: string;
  readonly state: string;
}

/**
 * Why these tunnels do not serve; empty when they do. What `tunneld ready` and `/readyz` answer.
 *
 * @param strict a tunnel that is down on purpose is a reason too: it was asked for by name
 */
export function unreadiness(tunnels: readonly TunnelStatus[], strict: boolean): readonly Reason[] {
  const failing = tunnels.filter((tunnel) => !(strict ? isServing(tunnel) : isFine(tunnel)));
  return failing.map((tunnel) => {
    const trouble = troubleOf(tunnel) ?? { why: '', fix: '' };
    return { name: tunnel.name, state: stateWord(tunnel), ...trouble };
  });
}

/** Of a daemon that was asked to stop: its tunnels may still answer, and not for long. */
export const STOPPING: Reason = {
  name: 'daemon',
  state: 'stopping',
  why: 'it finishes what is in flight, and ends',
  fix: '',
};
