import { createHash } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { createLogger } from '../../src/core/log.ts';
import { Secret } from '../../src/core/secret.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import { openAgentLink } from '../../src/relay/agent/agent-link.ts';
import { authorizeWithSecret } from '../../src/relay/edge/authorization.ts';
import { RelayServer } from '../../src/relay/edge/relay-server.ts';
import { readTls } from '../../src/relayd/tls-files.ts';

const NAME = 'bench';
const STREAMS = 8_192;
const log = createLogger('error');
/** Between relay and agent; not the visitors' token. */
const linkToken = new Secret('bench-link-token-of-no-importance');

/** The parts as the daemon puts them together, without what is around them (logs, probes, status). */
export function newGateway(tunnel = NAME): Gateway {
  const port = Number(process.env['ORIGIN_PORT']);
  const gateway = new Gateway({
    tunnel,
    instance: 'bench',
    upstream: { protocol: 'http:', host: '127.0.0.1', port, hostHeader: `localhost:${port}` },
    access: { insecurePublic: false, queryToken: false, origins: [] },
    probeKey: 'bench-probe-key',
    limits: {
      concurrency: STREAMS,
      connections: STREAMS,
      firstByteTimeoutMs: 300_000,
      idleTimeoutMs: 300_000,
    },
    sseKeepAliveMs: 15_000,
    clock: systemClock,
    log,
    onRequest: () => {},
  });
  const sha256 = createHash('sha256').update(String(process.env['BENCH_TOKEN'])).digest('hex');
  gateway.setTokens([{ id: 'bench', sha256 }]);
  return gateway;
}

/** With TLS_CERT and TLS_KEY, it speaks TLS to visitors and agents. */
export function newRelay(): RelayServer {
  const { TLS_CERT: cert, TLS_KEY: key } = process.env;
  return new RelayServer({
    host: '127.0.0.1',
    port: 0,
    routing: { kind: 'path' },
    ...(cert === undefined || key === undefined ? {} : { tls: readTls({ cert, key }) }),
    authorize: authorizeWithSecret(linkToken),
    limits: { connections: STREAMS, streamsPerLink: STREAMS },
    clock: systemClock,
    log,
  });
}

/** Dials the relay on `port` and serves its visitors through `gateway`. */
export async function join(gateway: Gateway, port: number): Promise<void> {
  const { publicUrl } = await openAgentLink({
    relayUrl: new URL(`${process.env['TLS_CERT'] === undefined ? 'http' : 'https'}://127.0.0.1:${port}`),
    name: NAME,
    token: linkToken,
    accept: (exchange) => gateway.accept(exchange),
    signal: new AbortController().signal,
    clock: systemClock,
    log,
  });
  gateway.setPublicUrl(publicUrl);
}
