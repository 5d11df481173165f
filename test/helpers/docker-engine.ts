import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from './wait-for.ts';

/** What `scripts/install-test-programs.sh` installs. */
const DOCKERD = ['/usr/sbin/dockerd', '/usr/bin/dockerd', '/usr/local/bin/dockerd'].find(existsSync);
const MISSING = missing();

/** The image of the tests: the machine's own OpenSSH client under the name of Pinggy's image. */
export const SSH_IMAGE = 'pinggy/pinggy:test';

/**
 * Tests that need a real engine. Without one they are skipped, visibly; with
 * `TUNNELD_REQUIRE_ENGINE=1` its absence is a failure.
 */
export function describeWithEngine(
  name: string,
  body: (engine: () => TestEngine) => void,
  options: EngineOptions = {},
): void {
  if (MISSING !== undefined && process.env['TUNNELD_REQUIRE_ENGINE'] === '1') {
    it(`${name}: needs a container engine`, () => expect.fail(MISSING));
    return;
  }
  describe.skipIf(MISSING !== undefined)(MISSING === undefined ? name : `${name} (${MISSING})`, () => {
    let engine: TestEngine | undefined;
    beforeAll(async () => {
      engine = await TestEngine.create(options);
    }, 60_000);
    afterAll(async () => {
      await engine?.[Symbol.asyncDispose]();
    }, 30_000);
    body(() => {
      if (engine === undefined) throw new Error('The engine did not start');
      return engine;
    });
  });
}

interface EngineOptions {
  /** How it keeps images; `vfs` works everywhere, and copies all of an image at every step of a build. */
  readonly storage?: 'vfs' | 'best';
}

/** A dockerd of our own on a private socket, which can be stopped and started again. */
export class TestEngine implements AsyncDisposable {
  readonly folder: string;
  readonly socket: string;
  readonly docker: Docker;
  readonly #storage: readonly string[];
  #process: ChildProcess | undefined;

  private constructor({ storage = 'vfs' }: EngineOptions) {
    this.#storage = storage === 'vfs' ? ['--storage-driver=vfs'] : [];
    this.folder = mkdtempSync(join(tmpdir(), 'tnl-engine-'));
    this.socket = join(this.folder, 'docker.sock');
    this.docker = new Docker({ socketPath: this.socket });
  }

  static async create(options: EngineOptions): Promise<TestEngine> {
    const engine = new TestEngine(options);
    await engine.start();
    await importSshImage(engine);
    return engine;
  }

  /** For code that looks for an engine: this one and nothing else of this machine. */
  get env(): NodeJS.ProcessEnv {
    return { PATH: process.env['PATH'], DOCKER_HOST: `unix://${this.socket}`, DOCKER_CONFIG: this.folder };
  }

  /** @param more options: `--live-restore` keeps containers running while the engine is away. */
  async start(...more: readonly string[]): Promise<void> {
    const under = (name: string) => join(this.folder, name);
    const options = ['--data-root', under('data'), '--exec-root', under('exec'), '--pidfile', under('pid')];
    const network = ['--iptables=false', '--bridge=none', ...this.#storage];
    this.#process = spawn(DOCKERD ?? '', [...options, '-H', `unix://${this.socket}`, ...network, ...more], {
      stdio: 'ignore',
    });
    await waitFor(() => this.docker.ping(), { timeoutMs: 20_000, what: 'the engine' });
  }

  /** As `systemctl stop docker` does: its containers go with it, unless it was told to leave them. */
  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }

  async containers(): Promise<Docker.ContainerInfo[]> {
    return await this.docker.listContainers({ all: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process !== undefined) {
      for (const { Id } of await this.containers())
        await this.docker.getContainer(Id).remove({ force: true });
    }
    await this.stop();
    // The engine leaves mounts, more of them when it was killed; a mount cannot be removed with its folder.
    for (const mount of ['exec/netns/default', 'data']) {
      spawnSync('umount', ['--lazy', join(this.folder, mount)], { stdio: 'ignore' });
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function missing(): string | undefined {
  if (process.platform !== 'linux') return 'the test engine runs on Linux only';
  if (process.getuid?.() !== 0) return 'starting an engine needs root';
  if (DOCKERD === undefined) return 'no dockerd on this machine: run scripts/install-test-programs.sh';
  if (!existsSync('/usr/bin/ssh')) return 'no ssh client on this machine';
  return undefined;
}

async function importSshImage(engine: TestEngine): Promise<void> {
  await importPrograms(engine, SSH_IMAGE, ['/usr/bin/ssh', '/bin/sh'], 'ENTRYPOINT ["/usr/bin/ssh"]');
}

/** An image of this machine's own programs: no registry can be asked for one. Node is where PATH finds it. */
export async function importPrograms(
  engine: TestEngine,
  image: string,
  programs: readonly string[],
  changes = 'CMD ["/bin/sh"]',
): Promise<void> {
  const root = join(engine.folder, 'image');
  const libraries =
    execFileSync('ldd', [...programs], { encoding: 'utf8' }).match(/(?<=\s)\/\S+(?= \()/g) ?? [];
  for (const file of new Set([...programs, ...libraries])) {
    const place = join(root, file === process.execPath ? '/usr/local/bin/node' : file);
    mkdirSync(dirname(place), { recursive: true });
    cpSync(realpathSync(file), place);
  }
  for (const folder of ['etc', 'tmp', 'root']) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');

  const [repo, tag] = image.split(':');
  const tar = spawn('tar', ['-C', root, '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const answer = await engine.docker.importImage(tar.stdout, { repo, tag, changes });
  for await (const _ of answer);
  rmSync(root, { recursive: true, force: true });
}
