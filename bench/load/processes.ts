import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { freePort } from '../../test/helpers/free-port.ts';
import { waitFor } from '../../test/helpers/wait-for.ts';
import { pidOf, stopChild } from '../child.ts';
import { ask, ready } from './ipc.ts';

/** What a process holds, after a collection. */
export interface Sample {
  /** Bytes. */
  readonly rss: number;
  readonly heapTotal: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly sockets: number;
  /** Sockets and everything else that libuv has open. */
  readonly handles: number;
  readonly timers: number;
}

export interface Measured {
  readonly pid: number;
  ask<T>(verb: string, args?: unknown): Promise<T>;
  sample(): Promise<Sample>;
  stop(): Promise<void>;
}

export interface RelayStats {
  readonly links: number;
  readonly pendingLinks: number;
  readonly streams: number;
  readonly connections: number;
}

export interface RelayProcess extends Measured {
  readonly port: number;
  stats(): Promise<RelayStats>;
}

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const SAMPLER = new URL('./sampler.mjs', import.meta.url).href;
const DEFAULT_RATE = 100;
const DEFAULT_PER_ADDRESS = 256;
const AGENT_TOKEN = 'the-token-of-the-agents-of-a-load-run';

/**
 * `tunneld relay` as it is built, with the limits it has by default.
 *
 * @param tunnels they all come from one address, which no relay of the world sees: it may have them
 */
export async function startRelayProcess(tunnels: number): Promise<RelayProcess> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const options = {
    TUNNELD_RELAY_HOST: '127.0.0.1',
    TUNNELD_RELAY_PORT: String(port),
    TUNNELD_RELAY_ADMIN_PORT: String(adminPort),
    TUNNELD_RELAY_ROUTING: 'path',
    TUNNELD_RELAY_PUBLIC_URL: `http://127.0.0.1:${port}`,
    // They dial all at once, which is held to this.
    TUNNELD_RELAY_RATE_PER_ADDRESS: String(Math.max(DEFAULT_RATE, tunnels)),
    TUNNELD_RELAY_CONNECTIONS_PER_ADDRESS: String(tunnels + DEFAULT_PER_ADDRESS),
    TUNNELD_RELAY_STATIC_TOKEN: `${AGENT_TOKEN}:load-*`,
  };
  const child = start([MAIN, 'relay'], options);
  const stats = async (): Promise<RelayStats> => {
    // On a connection of its own each time: one that is kept would be among what we count.
    const path = `http://127.0.0.1:${adminPort}/readyz`;
    const { body } = await request(path, { headers: { connection: 'close' }, reset: true });
    return (await body.json()) as RelayStats;
  };
  await waitFor(() => stats(), { timeoutMs: 15_000, what: 'the start of the relay' });
  return { ...measuring(child), port, stats };
}

/** Starts `bench/programs/<name>.ts`, which serves verbs over IPC. */
export async function startLoadProgram(
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<Measured> {
  const file = fileURLToPath(new URL(`../programs/${name}.ts`, import.meta.url));
  const child = start(['--import', 'tsx', file], { ...env, AGENT_TOKEN });
  await ready(child);
  return measuring(child);
}

function start(args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  // The collector is only asked for at the samples; between them it works as it always does.
  return spawn(process.execPath, ['--expose-gc', '--import', SAMPLER, ...args], {
    env: { ...process.env, ...env, NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

function measuring(child: ChildProcess): Measured {
  return {
    pid: pidOf(child),
    ask: (verb, given) => ask(child, verb, given),
    sample: () => ask<Sample>(child, 'sample'),
    stop: () => stopChild(child),
  };
}
