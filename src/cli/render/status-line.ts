import type { TunnelStatus } from '../../core/status.ts';

/** State and verdict as one word pair: `up/healthy`, `backing-off`, `stopped`. */
export function stateWord({ state, health }: TunnelStatus): string {
  return state === 'up' ? `up/${health.verdict === 'unknown' ? 'checking' : health.verdict}` : state;
}

/** Nothing to worry about: it answers, or nobody wants it to. What `tunneld status` exits by. */
export function isFine(status: TunnelStatus): boolean {
  return status.desired === 'down' || isServing(status);
}

/** Both legs answer. */
export function isServing({ state, health }: TunnelStatus): boolean {
  return state === 'up' && (health.verdict === 'healthy' || health.verdict === 'degraded');
}

export interface Trouble {
  readonly why: string;
  readonly fix: string;
}

/** Why a wanted tunnel does not serve, and what to do; undefined when it does. */
export function troubleOf(status: TunnelStatus): Trouble | undefined {
  const { state, health, lastError } = status;
  if (isFine(status) && health.verdict !== 'degraded') return undefined;
  if (state !== 'up' && lastError !== undefined) {
    return { why: `${lastError.code}: ${lastError.message}`, fix: lastError.remedy };
  }
  return health.cause === '' ? undefined : { why: health.cause, fix: health.remedy };
}
