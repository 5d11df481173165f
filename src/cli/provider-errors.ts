import { isErrorCode } from '../core/errors.ts';
import type { TunnelStatus } from '../core/status.ts';

/** Loads the codes of the providers, which light commands start without, where a tunnel failed with one. */
export async function knowErrorsOf(tunnels: readonly TunnelStatus[]): Promise<void> {
  if (tunnels.some(({ lastError }) => !isErrorCode(lastError?.code ?? 'INTERNAL')))
    await import('../providers/kinds.ts');
}
