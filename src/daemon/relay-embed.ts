import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Secret } from '../core/secret.ts';
import { authorizeWithSecret } from '../relay/edge/authorization.ts';
import { RelayServer } from '../relay/edge/relay-server.ts';
import { portInUse } from './port-in-use.ts';

export interface EmbeddedRelayOptions {
  /** 0 picks a free one. */
  readonly port: number;
  /** What the daemon's own agents show; nobody else may register. */
  readonly secret: Secret;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface EmbeddedRelay {
  /** `http://127.0.0.1:7575`, without a trailing slash in its path. */
  readonly url: URL;
  drain(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

/** After a restart of the daemon its tunnels come back; a visitor should not hear 404 meanwhile (milliseconds). */
const RETURNS_MS = 60_000;

/**
 * Starts the relay inside the daemon, on loopback: public URLs for this machine, no account anywhere.
 *
 * @throws {TunneldError} `PORT_IN_USE`
 */
export async function startEmbeddedRelay(options: EmbeddedRelayOptions): Promise<EmbeddedRelay> {
  const { port: wanted, secret, clock, log } = options;
  const server = new RelayServer({
    host: '127.0.0.1',
    port: wanted,
    descriptorsEach: 2,
    routing: { kind: 'path' },
    authorize: authorizeWithSecret(secret),
    returnsMs: RETURNS_MS,
    clock,
    log,
  });
  const { port } = await server.listen().catch((error: unknown) => {
    throw portInUse(error, wanted, {
      what: 'the embedded relay',
      key: 'relayPort',
      variable: 'TUNNELD_DAEMON_RELAY_PORT',
    });
  });
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    drain: (timeoutMs) => server.drain(timeoutMs),
    close: () => server.close(),
  };
}
