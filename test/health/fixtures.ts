import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import type { ServerSign } from '../../src/core/server-sign.ts';
import type { LegsOptions } from '../../src/health/legs.ts';
import { type PublicEdge, startPublicEdge } from '../helpers/public-edge.ts';

const IDENTITY = { instance: 'instance-1', probeKey: 'probe-key' } as const;
const TOKEN = 'tunnel-token';

/** Settings for probing the server at `url`. */
export function legsOptions(url: URL, overrides: Partial<LegsOptions> = {}): LegsOptions {
  return {
    upstream: {
      protocol: url.protocol as 'http:' | 'https:',
      host: url.hostname,
      port: Number(url.port),
      path: url.pathname,
      hostHeader: `localhost:${url.port}`,
    },
    mode: 'auto',
    timeoutMs: 5_000,
    ...IDENTITY,
    token: () => new Secret(TOKEN),
    clock: systemClock,
    ...overrides,
  };
}

/** A public URL in front of the server at `url`. */
export function edgeFor(url: URL): Promise<PublicEdge> {
  return startPublicEdge({ upstream: url, ...IDENTITY, token: TOKEN });
}

/** For probes nobody cancels. */
export const never = new AbortController().signal;

/** What the gateway tells of a call that the server answered. */
export function sign(seen: Partial<ServerSign> = {}): ServerSign {
  return { via: 'provider', method: 'POST', path: '/mcp', call: true, seen: ANSWERED, ...seen };
}

/** The same of one that it did not answer as it should. */
export function failedSign(status = 500, type = 'text/plain'): ServerSign {
  return sign({ seen: { kind: 'answer', status, type, start: 'no' } });
}

const ANSWERED = {
  kind: 'answer',
  status: 200,
  type: 'application/json',
  start: '{"jsonrpc":"2.0"',
} as const;
