import type { FastifyInstance } from 'fastify';
import ms from 'ms';
import type { Clock } from '../core/clock.ts';
import { readDuration } from '../core/duration.ts';
import { TunneldError } from '../core/errors.ts';
import { createLocalEndpoint, listenOnLoopback } from '../core/local-endpoint.ts';
import type { Logger } from '../core/log.ts';
import { listenOnSocket } from './admin-socket.ts';
import type { AdministeredRelay } from './administered-relay.ts';
import { type Place, takeOver } from './predecessor.ts';

/** The longest refusal of a name; all are forgotten when the relay restarts. */
const LONGEST_DISMISSAL_MS = 7 * 86_400_000;

export interface AdminEndpoint {
  /** Of the port; undefined when there is none. */
  readonly url: URL | undefined;
  close(): Promise<void>;
}

export interface AdminPlaces {
  /** On loopback; 0 picks a free one. */
  readonly port: number | undefined;
  /** Path of a Unix socket for this user alone. */
  readonly socket?: string | undefined;
}

/**
 * The operator's endpoint: `/healthz`, `/readyz` (503 while draining) and `/metrics` on a loopback
 * port, which every user of the machine reaches; on the socket, which only this user may open, also
 * `/tunnels` and what ends them.
 *
 * A port or socket that a draining relay still holds is taken over as soon as that relay has exited.
 *
 * @throws {TunneldError} `SOCKET_UNUSABLE`, `PORT_IN_USE`
 */
export async function startAdminEndpoint(
  { port, socket }: AdminPlaces,
  relay: AdministeredRelay,
  clock: Clock,
  log: Logger,
): Promise<AdminEndpoint> {
  const ends: (() => Promise<void>)[] = [];
  const close = async () => {
    await Promise.all(ends.map((end) => end()));
  };
  /** The address; undefined until the port has been taken over. */
  const open = async (place: Place, listen: (app: FastifyInstance) => Promise<URL | undefined>) => {
    const isPrivate = 'socketPath' in place;
    const opening = await takeOver(
      place,
      async () => {
        const app = await createApp(relay, isPrivate);
        try {
          const url = await listen(app);
          return { value: url, close: () => app.close() };
        } catch (error) {
          await app.close();
          throw error;
        }
      },
      clock,
      log,
    );
    ends.push(opening.close);
    return opening.value;
  };
  try {
    if (socket !== undefined) {
      await open({ socketPath: socket }, async (app) => {
        await listenOnSocket(app, socket);
        return undefined;
      });
    }
    if (port === undefined) return { url: undefined, close };
    const bound = await open({ port }, (app) => listenOnPort(app, port));
    return { url: bound ?? new URL(`http://127.0.0.1:${port}`), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listenOnPort(app: FastifyInstance, port: number): Promise<URL> {
  try {
    return await listenOnLoopback(app, port);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    throw new TunneldError('PORT_IN_USE', `The admin endpoint cannot listen on 127.0.0.1:${port} (${code})`, {
      cause,
      remedy: 'Stop what listens there, or choose another with --admin-port (0: none).',
    });
  }
}

/** @param isPrivate only the relay's own user can connect */
async function createApp(relay: AdministeredRelay, isPrivate: boolean): Promise<FastifyInstance> {
  const { server, problems, dismissals } = relay;
  const app = await createLocalEndpoint({
    metrics: () => import('./relay-metrics.ts').then(({ createRelayMetrics }) => createRelayMetrics(relay)),
  });
  app.get('/readyz', (_request, reply) => {
    const ready = !server.draining;
    const known = isPrivate ? problems.all : Object.keys(problems.all);
    return reply.code(ready ? 200 : 503).send({ ready, ...server.stats, problems: known });
  });
  if (!isPrivate) {
    app.all('/tunnels', (_request, reply) => reply.code(403).send(SOCKET_ONLY));
    app.all('/tunnels/:name', (_request, reply) => reply.code(403).send(SOCKET_ONLY));
    return app;
  }
  app.get('/tunnels', () => ({ tunnels: tunnelList(relay), refused: dismissals.all }));
  app.delete<{ Params: { name: string }; Querystring: { for?: string } }>(
    '/tunnels/:name',
    ({ params, query }, reply) => {
      const answer = disconnect(relay, params.name, query.for);
      return reply.code(answer.status).send(answer.body);
    },
  );
  return app;
}

/** A token's hash, shortened: it tells two tokens apart and cannot be used to guess one. */
function tunnelList({ server, tunnels }: AdministeredRelay) {
  return server.tunnels.map(({ identity, openedAt, ...tunnel }) => ({
    ...tunnel,
    openedAt: new Date(openedAt).toISOString(),
    tokenHash: identity.slice(-64).slice(0, 8),
    ...tunnels.of(tunnel.name),
  }));
}

/**
 * Without a time, the agent is told not to come back. With one, the name is refused for so long, and
 * agents try again by themselves; `0` is at once.
 */
function disconnect({ server, dismissals }: AdministeredRelay, name: string, time: string | undefined) {
  const read = time === undefined ? undefined : readDuration(time);
  if (read !== undefined && ('fault' in read || read.ms > LONGEST_DISMISSAL_MS)) {
    const why = 'fault' in read ? `"${time?.slice(0, 20)}" ${read.fault}` : 'that is too long';
    const expected = `Expected ?for= with a duration such as 15m, up to ${ms(LONGEST_DISMISSAL_MS)}`;
    return { status: 400, body: errorBody(`${expected}: ${why}`) };
  }
  // Without a time, an existing refusal stays as it is.
  if (read !== undefined) dismissals.refuse(name, read.ms);
  const reason = 'the operator of the relay disconnected this tunnel';
  const ended = server.disconnect(name, { reason, forGood: read === undefined });
  if (!ended && read === undefined) {
    return { status: 404, body: errorBody('No tunnel of this name is connected') };
  }
  return { status: 200, body: { name, ended, refusedForSeconds: Math.ceil((read?.ms ?? 0) / 1_000) } };
}

function errorBody(message: string) {
  return { error: { message } };
}

const SOCKET_ONLY = errorBody(
  'Tunnels are told and ended on the Unix socket of --admin-socket only: every user of this machine reaches this port',
);
