import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestEngine } from './docker-engine.ts';
import type { CliRun } from './tunneld.ts';
import { waitFor } from './wait-for.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Made once: it takes a minute. */
const SYSTEM = join(ROOT, '.cache', 'debian-systemd');
const DEBOOTSTRAP = '/usr/sbin/debootstrap';
const PACKAGES = 'systemd,systemd-sysv,dbus,libpam-systemd';

const IMAGE = 'tunneld-test/systemd';
const NODE = '/usr/bin/node';

/** Why no system can be booted here; undefined when one can. */
export const cannotBoot =
  existsSync(join(SYSTEM, 'lib/systemd/systemd')) || existsSync(DEBOOTSTRAP)
    ? undefined
    : 'no debootstrap on this machine: run scripts/install-test-programs.sh';

/** A small Debian with systemd as its first process, with Node and the built package in it. */
export class BootedSystemd implements AsyncDisposable {
  readonly #engine: TestEngine;
  readonly #id: string;

  private constructor(engine: TestEngine, id: string) {
    this.#engine = engine;
    this.#id = id;
  }

  static async boot(engine: TestEngine): Promise<BootedSystemd> {
    makeSystem();
    const tar = spawn('tar', ['-C', SYSTEM, '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const answer = await engine.docker.importImage(tar.stdout, { repo: IMAGE, tag: 'latest' });
    answer.resume();
    await once(answer, 'end');
    const mounts = ['dist', 'node_modules', 'package.json'].map(
      (name) => `${join(ROOT, name)}:/opt/tunneld/${name}:ro`,
    );
    const container = await engine.docker.createContainer({
      Image: `${IMAGE}:latest`,
      Cmd: ['/lib/systemd/systemd'],
      Env: ['container=docker'],
      HostConfig: {
        CapAdd: ['SYS_ADMIN', 'NET_ADMIN'],
        SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'],
        // A loopback of its own: the service uses the ports that everybody's uses.
        NetworkMode: 'none',
        // Known to the engine, and not to the types.
        ...{ CgroupnsMode: 'host' },
        Tmpfs: { '/run': '', '/run/lock': '', '/tmp': '' },
        Binds: ['/sys/fs/cgroup:/sys/fs/cgroup:rw', `${process.execPath}:${NODE}:ro`, ...mounts],
      },
    });
    await container.start();
    const booted = new BootedSystemd(engine, container.id);
    await waitFor(() => booted.ok('systemctl', 'is-active', 'multi-user.target', 'dbus.socket'), {
      timeoutMs: 60_000,
      what: 'the boot',
    });
    return booted;
  }

  /** Runs a program in it to its end, as root or as somebody else. */
  run(words: readonly string[], options: readonly string[] = []): Promise<CliRun> {
    const all = ['-H', `unix://${this.#engine.socket}`, 'exec', ...options, this.#id, ...words];
    return new Promise((resolve, reject) => {
      execFile('docker', all, { timeout: 90_000 }, (error, stdout, stderr) => {
        if (error === null) resolve({ code: 0, stdout, stderr });
        else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr });
        else reject(error);
      });
    });
  }

  async ok(...words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(words);
    if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}\n${stdout}${stderr}`);
    return stdout.trim();
  }

  tunneld(words: readonly string[], options: readonly string[] = []): Promise<CliRun> {
    return this.run([NODE, '/opt/tunneld/dist/cli/main.js', ...words], options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.docker.getContainer(this.#id).remove({ force: true });
  }
}

function makeSystem(): void {
  if (existsSync(SYSTEM)) return;
  const half = `${SYSTEM}.half`;
  rmSync(half, { recursive: true, force: true });
  mkdirSync(dirname(half), { recursive: true });
  execFileSync(DEBOOTSTRAP, ['--variant=minbase', `--include=${PACKAGES}`, 'bookworm', half], {
    stdio: 'ignore',
  });
  renameSync(half, SYSTEM);
}
