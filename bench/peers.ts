import { startProgram } from './child.ts';
import { hasNginx, reverseProxy, startNginx } from './nginx.ts';
import type { Origin } from './origin.ts';
import { openSsh, startSshTunnel } from './ssh.ts';
import { at, type SubjectList } from './subject-list.ts';

export const NGINX_TWO_HOPS = 'nginx, two hops';

/** nginx as a reverse proxy, once and twice. */
export async function addNginx(subjects: SubjectList, origin: Origin, token: string): Promise<void> {
  if (!hasNginx) {
    subjects.missing.push('nginx (not installed)');
    return;
  }
  const near = subjects.keep(await startNginx((port) => reverseProxy(port, origin.port, token)));
  const far = subjects.keep(await startNginx((port) => reverseProxy(port, near.port, token)));
  subjects.add('nginx, one hop', at(near.port), [{ name: 'nginx', pid: near.pid }]);
  const both = [far, near].map(({ pid }) => ({ name: 'nginx', pid }));
  subjects.add(NGINX_TWO_HOPS, at(far.port), both);
}

/** The proxy one would write in an afternoon. */
export async function addNodeProxy(
  subjects: SubjectList,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { port, pid } = subjects.keep(await startProgram('node-proxy', env));
  subjects.add('Node http + undici', at(port), [{ name: 'proxy', pid }]);
}

/** Two of them, as a relay and an agent written that way would be. */
export async function addNodeProxyPair(
  subjects: SubjectList,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const near = subjects.keep(await startProgram('node-proxy', env));
  const far = subjects.keep(await startProgram('node-proxy', { ...env, ORIGIN_PORT: String(near.port) }));
  subjects.add('Node http + undici, a pair', at(far.port), [
    { name: 'public side', pid: far.pid },
    { name: 'near the server', pid: near.pid },
  ]);
}

export async function addSsh(subjects: SubjectList, origin: Origin): Promise<void> {
  if (openSsh === undefined) {
    subjects.missing.push('OpenSSH -R (ssh and sshd are not both installed)');
    return;
  }
  const { port, clientPid, serverPids } = subjects.keep(await startSshTunnel(origin.port));
  const server = serverPids.map((pid) => ({ name: 'sshd', pid }));
  subjects.add('OpenSSH -R (encrypted)', at(port), [...server, { name: 'ssh', pid: clientPid }]);
}
