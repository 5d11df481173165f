import { once } from 'node:events';
import net from 'node:net';

/** Below what Linux and macOS give out by themselves, so that no port-0 listener or client takes it meanwhile. */
const LOWEST = 12_000;
const PORTS_PER_WORKER = 2_000;
const WORKERS = 8;

let next = Math.floor(Math.random() * PORTS_PER_WORKER);

/**
 * A loopback port nobody listens on, for programs that cannot be told "0", or that must come back on
 * the same one. No two calls of a test run get the same; prefer port 0 wherever the program can say
 * which one it got.
 */
export async function freePort(): Promise<number> {
  const worker = Number(process.env['VITEST_POOL_ID'] ?? 0) % WORKERS;
  for (let tries = 0; tries < PORTS_PER_WORKER; tries++) {
    next = (next + 1) % PORTS_PER_WORKER;
    const port = LOWEST + worker * PORTS_PER_WORKER + next;
    if (await isFree(port)) return port;
  }
  throw new Error('every port of this worker is taken');
}

async function isFree(port: number): Promise<boolean> {
  const server = net.createServer();
  server.listen(port, '127.0.0.1');
  // `once` rejects when `error` comes instead.
  const free = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}
