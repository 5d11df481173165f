import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { isLoopbackAuthority } from './loopback.ts';
import { VERSION } from './version.ts';

/**
 * Connections at once. Whoever asks here asks rarely and briefly; more would take descriptors away from
 * the tunnels, and every user of the machine can open some.
 */
const MAX_CONNECTIONS = 32;
/** A request must be here by then, and an answer taken (milliseconds). */
const REQUEST_TIMEOUT_MS = 5_000;
const IDLE_TIMEOUT_MS = 10_000;
const LOOK_EVERY_MS = 1_000;

/** Metrics in Prometheus' form. */
export interface RenderedMetrics {
  readonly contentType: string;
  render(): Promise<string>;
}

export interface LocalEndpointOptions {
  /** More of what `/healthz` tells. */
  health?(): Readonly<Record<string, unknown>>;
  /** Imports what makes metrics; called at once, and again when they are asked for after it failed. */
  metrics(): Promise<RenderedMetrics>;
}

/**
 * What the HTTP endpoints for this machine alone have in common: loopback names only, `/healthz`,
 * `/metrics`, bounds on connections and time. Routes are added by the caller, who then listens.
 */
export async function createLocalEndpoint(options: LocalEndpointOptions): Promise<FastifyInstance> {
  const { fastify } = await import('fastify');
  const app: FastifyInstance = fastify({
    logger: false,
    forceCloseConnections: true,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: IDLE_TIMEOUT_MS,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    http: { headersTimeout: REQUEST_TIMEOUT_MS, connectionsCheckingInterval: LOOK_EVERY_MS },
  });
  boundConnections(app.server);
  app.addHook('onRequest', async (request, reply) => {
    if (!isLoopbackAuthority(request.headers.host ?? '')) {
      await reply.code(403).send({ error: { message: 'Only loopback names are served here' } });
    }
  });
  app.get('/healthz', () => ({
    alive: true,
    version: VERSION,
    pid: process.pid,
    uptimeSeconds: Math.round(process.uptime()),
    ...options.health?.(),
  }));
  const metrics = lazily(() => options.metrics());
  // Now, while there are descriptors: Node remembers for good that a module could not be opened.
  await metrics().catch(() => {});
  app.get('/metrics', async (_request, reply) => {
    const { render, contentType } = await metrics();
    return reply.type(contentType).send(await render());
  });
  return app;
}

/**
 * Listens on loopback; 0 picks a free port.
 *
 * @throws the system's error: `EADDRINUSE`, `EACCES`
 */
export async function listenOnLoopback(app: FastifyInstance, port: number): Promise<URL> {
  await app.listen({ host: '127.0.0.1', port });
  const bound = app.server.address() as AddressInfo;
  return new URL(`http://127.0.0.1:${bound.port}`);
}

/** What failed once is tried again. */
function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

/** One connection too many ends the one that has waited longest without being answered. */
function boundConnections(server: Server): void {
  const open = new Set<Socket>();
  const answering = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      answering.delete(socket);
    });
    if (open.size <= MAX_CONNECTIONS) return;
    const idle = [...open].find((candidate) => !answering.has(candidate)) ?? socket;
    open.delete(idle);
    idle.destroy();
  });
  server.on('request', (request, response) => {
    answering.add(request.socket);
    response.once('close', () => answering.delete(request.socket));
  });
}
