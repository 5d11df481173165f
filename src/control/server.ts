import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { systemClock } from '../core/clock.ts';
import { messageOf } from '../core/error-message.ts';
import { TunneldError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { type DaemonApi, PROTOCOL_VERSION } from './api.ts';
import { EventStreams } from './event-streams.ts';
import { KeptSocket, type KeptSocketOptions } from './kept-socket.ts';
import { parseBody, requestBodies } from './protocol.ts';
import { ALERTS_HEADER, type ErrorBody, PROTOCOL_HEADER, ROUTES, type RouteName } from './routes.ts';

export interface ControlServerOptions extends KeptSocketOptions {
  readonly api: DaemonApi;
  /** tunneld's own version, for messages about a mismatch. */
  readonly version: string;
  /** What the user has to know besides what was asked. One sentence each. */
  readonly alerts?: () => readonly string[];
  /** The daemon drains. What it is told then would be lost, or keep it from ending. */
  readonly stopping?: () => boolean;
}

/**
 * Serves the control API to this user's own commands.
 *
 * @throws {TunneldError} `DAEMON_ALREADY_RUNNING`, `SOCKET_UNUSABLE`
 */
export async function startControlServer(options: ControlServerOptions): Promise<{ close(): Promise<void> }> {
  const app = fastify({ logger: false });
  const { api, clock = systemClock, alerts = () => [] } = options;
  const streams = new EventStreams(api, clock, alerts);
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, options.log));
  app.setNotFoundHandler((request) => {
    throw new TunneldError(
      'PROTOCOL_MISMATCH',
      `The daemon (${options.version}) knows no ${request.method} ${request.url}`,
    );
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.header(PROTOCOL_HEADER, PROTOCOL_VERSION);
    if (!request.url.startsWith('/v')) return;
    assertSameProtocol(request, options.version);
    if (request.method !== 'GET' && options.stopping?.() === true) throw stopping();
  });
  // When it was done: what it changed may be what cannot be written.
  app.addHook('onSend', async (_request, reply) => {
    const current = alerts();
    if (current.length > 0) reply.header(ALERTS_HEADER, encodeAlerts(current));
  });
  addRoutes(app, api, streams);

  await app.ready();
  const socket = await KeptSocket.open(options, (request, response) => app.routing(request, response));
  return {
    async close() {
      await streams.close();
      await socket.close();
      await app.close();
    },
  };
}

/** A header has little room: the longest word about a state names its tunnels. */
function encodeAlerts(alerts: readonly string[]): string {
  return encodeURIComponent(JSON.stringify(alerts.slice(0, 5).map((text) => text.slice(0, 500))));
}

type Handler = (request: FastifyRequest<{ Params: { name: string } }>, reply: FastifyReply) => unknown;

function addRoutes(app: FastifyInstance, api: DaemonApi, streams: EventStreams): void {
  const handlers: Record<RouteName, Handler> = {
    info: () => api.info(),
    stop(_request, reply) {
      // The process may end as soon as it is told to: the answer has to be out by then.
      reply.raw.once('close', () => api.stop());
      return {};
    },
    list: () => api.list(),
    status: ({ params }) => api.status(params.name),
    inspect: ({ params }) => api.inspect(params.name),
    diagnose: ({ params }) => api.diagnose(params.name),
    up: ({ params, body }) => api.up(params.name, parseBody(requestBodies.up, body).spec),
    change: ({ params, body }) => api.change(params.name, parseBody(requestBodies.change, body)),
    upAll: () => api.upAll(),
    down: ({ params }) => api.down(params.name),
    downAll: () => api.downAll(),
    restart: ({ params }) => api.restart(params.name),
    remove: ({ params }) => api.remove(params.name),
    showToken: ({ params }) => api.showToken(params.name),
    rotateToken: ({ params, body }) =>
      api.rotateToken(params.name, parseBody(requestBodies.rotateToken, body).graceMs),
    events(_request, reply) {
      reply.hijack();
      streams.add(reply.raw);
    },
  };
  for (const [name, { method, path }] of Object.entries(ROUTES)) {
    const handler = handlers[name as RouteName];
    app.route<{ Params: { name: string } }>({
      method,
      url: path,
      handler: async (request, reply) => {
        const answer = await handler(request, reply);
        return reply.sent ? reply : (answer ?? {});
      },
    });
  }
}

function assertSameProtocol(request: FastifyRequest, version: string): void {
  const theirs = request.headers[PROTOCOL_HEADER];
  if (theirs === String(PROTOCOL_VERSION)) return;
  throw new TunneldError(
    'PROTOCOL_MISMATCH',
    `The daemon (${version}) speaks control protocol ${PROTOCOL_VERSION}, and this command ${theirs ?? 'none'}`,
  );
}

function stopping(): TunneldError {
  return new TunneldError(
    'DAEMON_STOPPING',
    `The daemon (pid ${process.pid}) was asked to stop, and is ending`,
  );
}

const STATUS_BY_EXIT_CODE: Readonly<Record<number, number>> = { 2: 400, 3: 404, 4: 426, 5: 504 };

function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Logger): FastifyReply {
  if (error instanceof TunneldError) {
    const { code, message, remedy, exitCode, retryable, mistakes } = error;
    const details = mistakes.length === 0 ? {} : { mistakes };
    const body: ErrorBody = { error: { code, message, remedy, exitCode, retryable, ...details } };
    return reply.status(STATUS_BY_EXIT_CODE[exitCode] ?? 409).send(body);
  }
  const status = (error as { statusCode?: number }).statusCode ?? 500;
  const message = messageOf(error);
  if (status >= 500) {
    log.error({ err: error, method: request.method, url: request.url }, 'control request failed');
  }
  const body: ErrorBody = { error: { message } };
  return reply.status(status).send(body);
}
