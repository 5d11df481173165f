import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Tunneld } from '../test/helpers/tunneld.ts';
import { type Child, startProgram } from './child.ts';
import { hasNginx, reverseProxy, startNginx } from './nginx.ts';
import type { Origin } from './origin.ts';

/** One way from the load generator to the origin. */
export interface Subject {
  readonly name: string;
  /** Base URL without a trailing slash. */
  readonly url: string;
  /** The processes whose CPU and memory are the subject's own; none for direct access. */
  readonly parts: readonly Part[];
}

export interface Part {
  readonly name: string;
  readonly pid: number;
}

export interface Subjects {
  readonly list: readonly Subject[];
  stop(): Promise<void>;
}

export const GATEWAY = 'tunneld gateway';
export const EMBEDDED = 'tunneld relay + agent + gateway';
/** The same code with the public side in a process of its own, as a relay on a server has it. */
export const SPLIT = 'tunneld relay, agent + gateway apart';
/** The built daemon with everything it does beside: request log, metrics, probes. */
export const DAEMON = 'tunneld daemon';
export const NGINX_TWO_HOPS = 'nginx, two hops';

/** Starts every subject at once: neighbours that are idle cost nothing, and rounds can interleave. */
export async function startSubjects(origin: Origin, token: string): Promise<Subjects> {
  const children: Child[] = [];
  const keep = (child: Child) => {
    children.push(child);
    return child;
  };
  const env = { ORIGIN_PORT: String(origin.port), BENCH_TOKEN: token };
  const list: Subject[] = [{ name: 'direct', url: at(origin.port), parts: [] }];
  const stop = async () => {
    for (const child of children.reverse()) await child.stop();
  };
  try {
    if (hasNginx) {
      const near = keep(await startNginx((port) => reverseProxy(port, origin.port, token)));
      const far = keep(await startNginx((port) => reverseProxy(port, near.port, token)));
      list.push({ name: 'nginx, one hop', url: at(near.port), parts: [{ name: 'nginx', pid: near.pid }] });
      const both = [far, near].map(({ pid }) => ({ name: 'nginx', pid }));
      list.push({ name: NGINX_TWO_HOPS, url: at(far.port), parts: both });
    }
    const plain = keep(await startProgram('node-proxy', env));
    list.push({
      name: 'Node http + undici',
      url: at(plain.port),
      parts: [{ name: 'proxy', pid: plain.pid }],
    });

    const gateway = keep(await startProgram('gateway', env));
    list.push({ name: GATEWAY, url: at(gateway.port), parts: [{ name: 'gateway', pid: gateway.pid }] });

    const embedded = keep(await startProgram('embedded', env));
    const all = [{ name: 'all', pid: embedded.pid }];
    list.push({ name: EMBEDDED, url: `${at(embedded.port)}/bench`, parts: all });

    const relay = keep(await startProgram('relay', env));
    const agent = keep(await startProgram('agent', { ...env, RELAY_PORT: String(relay.port) }));
    const parts = [
      { name: 'relay', pid: relay.pid },
      { name: 'agent + gateway', pid: agent.pid },
    ];
    list.push({ name: SPLIT, url: `${at(relay.port)}/bench`, parts });

    const daemon = keep(await startDaemon(origin, token));
    list.push({
      name: DAEMON,
      url: `${at(daemon.port)}/bench`,
      parts: [{ name: 'daemon', pid: daemon.pid }],
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { list, stop };
}

async function startDaemon(origin: Origin, token: string): Promise<Child> {
  const home = await Tunneld.create();
  try {
    const file = path.join(home.folder, 'token');
    await writeFile(file, token, { mode: 0o600 });
    await home.writeConfig(
      `tunnels: { bench: { port: ${origin.port}, access: { token: 'file:${file}' }, health: { probe: tcp } } }`,
    );
    await home.ok('up', '--no-wait');
    await home.until('bench', ({ state }) => state === 'up');
    const { pid, relayUrl } = await home.daemon();
    return { pid, port: Number(new URL(relayUrl).port), stop: () => home[Symbol.asyncDispose]() };
  } catch (error) {
    await home[Symbol.asyncDispose]();
    throw error;
  }
}

function at(port: number): string {
  return `http://127.0.0.1:${port}`;
}
