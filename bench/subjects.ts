import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeCertificate } from '../test/helpers/certificate.ts';
import { Tunneld } from '../test/helpers/tunneld.ts';
import { type Child, startProgram } from './child.ts';
import { hasWrk } from './load.ts';
import type { Origin } from './origin.ts';
import { addNginx, addNodeProxy } from './peers.ts';
import { at, SubjectList } from './subject-list.ts';

export const GATEWAY = 'tunneld gateway';
export const EMBEDDED = 'tunneld relay + agent + gateway';
/** The same code with the public side in a process of its own, as a relay on a server has it. */
export const SPLIT = 'tunneld relay, agent + gateway apart';
/** The same, with TLS to the visitors and to the agent. */
export const OVER_TLS = 'tunneld apart, TLS on both legs';
/** The built daemon with everything it does beside: request log, metrics, probes. */
export const DAEMON = 'tunneld daemon';

type Env = Readonly<Record<string, string>>;

/** Everything tunneld is made of, between direct access and what one would use instead. */
export function startSubjects(origin: Origin, token: string): Promise<SubjectList> {
  return SubjectList.build(async (subjects) => {
    const env = { ORIGIN_PORT: String(origin.port), BENCH_TOKEN: token };
    subjects.add('direct', at(origin.port), []);
    await addNginx(subjects, origin, token);
    await addNodeProxy(subjects, env);
    const gateway = subjects.keep(await startProgram('gateway', env));
    subjects.add(GATEWAY, at(gateway.port), [{ name: 'gateway', pid: gateway.pid }]);
    await addEmbedded(subjects, env);
    await addSplit(subjects, env);
    const { port, pid } = subjects.keep(await startDaemon(origin, token));
    subjects.add(DAEMON, `${at(port)}/bench`, [{ name: 'daemon', pid }]);
  });
}

export async function addEmbedded(subjects: SubjectList, env: Env): Promise<void> {
  const { port, pid } = subjects.keep(await startProgram('embedded', env));
  subjects.add(EMBEDDED, `${at(port)}/bench`, [{ name: 'all', pid }]);
}

export async function addSplit(subjects: SubjectList, env: Env): Promise<void> {
  const { port, parts } = await startApart(subjects, env);
  subjects.add(SPLIT, `${at(port)}/bench`, parts);
}

export async function addSplitOverTls(subjects: SubjectList, env: Env): Promise<void> {
  if (!hasWrk) {
    subjects.missing.push(`${OVER_TLS} (wrk is not installed)`);
    return;
  }
  const folder = await mkdtemp(path.join(tmpdir(), 'tunneld-bench-tls-'));
  const file = (name: string) => path.join(folder, name);
  try {
    const { cert, key } = makeCertificate();
    await writeFile(file('cert.pem'), cert);
    await writeFile(file('key.pem'), key, { mode: 0o600 });
    const tls = {
      TLS_CERT: file('cert.pem'),
      TLS_KEY: file('key.pem'),
      NODE_EXTRA_CA_CERTS: file('cert.pem'),
    };
    const { port, parts } = await startApart(subjects, { ...env, ...tls });
    subjects.add(OVER_TLS, `https://127.0.0.1:${port}/bench`, parts);
  } finally {
    // Both have read them by now.
    await rm(folder, { recursive: true, force: true });
  }
}

async function startApart(subjects: SubjectList, env: Env) {
  const relay = subjects.keep(await startProgram('relay', env));
  const agent = subjects.keep(await startProgram('agent', { ...env, RELAY_PORT: String(relay.port) }));
  const parts = [
    { name: 'relay', pid: relay.pid },
    { name: 'agent + gateway', pid: agent.pid },
  ];
  return { port: relay.port, parts };
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
