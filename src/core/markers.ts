/**
 * Headers that prove who answered. The gateway puts the first two on everything it sends, so that
 * a provider's error page is never taken for the server; the health probe looks for them.
 */

/** What every header of ours begins with; nobody else's is ever passed on. */
export const OUR_PREFIX = 'x-tunneld';

/** Response: id of the tunneld instance whose gateway answered. */
export const INSTANCE_HEADER = 'x-tunneld';

/** Response: what became of the request behind the gateway: `ok`, `down` or `n/a` (never asked). */
export const UPSTREAM_HEADER = 'x-tunneld-upstream';

/** Request: `<probe key>.<nonce>` makes it a probe. Response: the nonce, proving the answer is fresh. */
export const PROBE_HEADER = 'x-tunneld-probe';

/** Response: why the gateway answered by itself, as a stable word (`host`, `wrong-token`, …). */
export const REASON_HEADER = 'x-tunneld-reason';

/** Path under the public base URL that the gateway answers itself, with the token. */
export const GATEWAY_HEALTH_PATH = '/.tunneld/healthz';

/** Response: the relay answered, not the gateway, and why (`tunnel-offline`, `tunnel-busy`, …). */
export const RELAY_HEADER = 'x-tunneld-relay';
