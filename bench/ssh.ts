import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../test/helpers/free-port.ts';
import { waitFor } from '../test/helpers/wait-for.ts';
import { type Child, pidOf, spawnBound, stopChild } from './child.ts';
import { answers } from './nginx.ts';

export interface SshTunnel extends Child {
  /** sshd, and the process it started for our session. */
  readonly serverPids: readonly number[];
  readonly clientPid: number;
}

const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd'].find((file) => existsSync(file));

/** Undefined when this machine cannot run OpenSSH, else its version. */
export const openSsh: string | undefined = SSHD === undefined ? undefined : versionOf();

/**
 * `ssh -R` between an sshd and an ssh of our own on loopback, with keys made for this run. It carries
 * bytes: no token is checked and no header written.
 */
export async function startSshTunnel(originPort: number): Promise<SshTunnel> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tunneld-bench-ssh-'));
  const [daemonPort, port] = [await freePort(), await freePort()];
  const file = (name: string) => path.join(folder, name);
  for (const name of ['host', 'user']) makeKey(file(name));
  const hostKey = await readFile(file('host.pub'), 'utf8');
  await writeFile(file('known_hosts'), `[127.0.0.1]:${daemonPort} ${hostKey}`);
  await writeFile(file('sshd_config'), serverConfig(folder, daemonPort));
  // As root sshd wants its empty folder, which a package's service makes at its start.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const server = spawnBound(String(SSHD), ['-D', '-e', '-f', file('sshd_config')], { stdio: 'ignore' });
  await waitFor(() => answers(daemonPort), { timeoutMs: 5_000, what: 'the start of sshd' });
  const client = spawnBound('ssh', clientArgs(folder, daemonPort, port, originPort), { stdio: 'ignore' });
  await waitFor(() => answers(port), { timeoutMs: 10_000, what: 'the forwarding of ssh -R' });
  return {
    pid: pidOf(client),
    port,
    clientPid: pidOf(client),
    serverPids: await settledFamilyOf(pidOf(server)),
    async stop() {
      await stopChild(client);
      await stopChild(server);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function serverConfig(folder: string, port: number): string {
  return [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${folder}/host`,
    `AuthorizedKeysFile ${folder}/user.pub`,
    `PidFile ${folder}/sshd.pid`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    'AllowTcpForwarding remote',
    'LogLevel QUIET',
    '',
  ].join('\n');
}

function clientArgs(folder: string, daemonPort: number, port: number, originPort: number): readonly string[] {
  const options = {
    IdentityFile: `${folder}/user`,
    IdentitiesOnly: 'yes',
    UserKnownHostsFile: `${folder}/known_hosts`,
    StrictHostKeyChecking: 'yes',
    ExitOnForwardFailure: 'yes',
    BatchMode: 'yes',
    ControlMaster: 'no',
  };
  const given = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const forwarding = `127.0.0.1:${port}:127.0.0.1:${originPort}`;
  const to = `${userInfo().username}@127.0.0.1`;
  return ['-F', '/dev/null', '-N', '-T', '-p', String(daemonPort), ...given, '-R', forwarding, to];
}

function makeKey(file: string): void {
  const { status, stderr } = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
  if (status !== 0) throw new Error(`ssh-keygen: ${stderr.toString()}`);
}

/** Our looks at its port made sshd start processes that end by themselves. */
async function settledFamilyOf(pid: number): Promise<readonly number[]> {
  let last = '';
  return waitFor(
    async () => {
      const family = await familyOf(pid);
      await delay(200);
      const settled = family.length > 1 && String(family) === last;
      last = String(family);
      return settled ? family : undefined;
    },
    { timeoutMs: 5_000, what: 'the session of sshd' },
  );
}

/** A process and everything it started. */
async function familyOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const children = text.split(' ').filter((word) => word !== '');
  const families = await Promise.all(children.map((child) => familyOf(Number(child))));
  return [pid, ...families.flat()];
}

function versionOf(): string | undefined {
  const { error, stderr } = spawnSync('ssh', ['-V']);
  return error === undefined ? stderr.toString().split(',')[0] : undefined;
}
