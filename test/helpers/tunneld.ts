import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DaemonInfo } from '../../src/control/api.ts';
import type { TunnelStatus } from '../../src/core/status.ts';
import { freePort } from './free-port.ts';
import { processes } from './processes.ts';
import { type WaitOptions, waitFor } from './wait-for.ts';

/** How one run of the command line ended. */
export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Access {
  /** What a client is given: the public URL with the MCP path. */
  readonly url: URL;
  readonly token: string;
}

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const RUN_TIMEOUT_MS = 60_000;

/**
 * The built command line in a home of its own: nothing of the user's is read or written, and no port
 * is one that somebody else may want. `dispose` ends the daemon it started, by its pid.
 */
export class Tunneld implements AsyncDisposable {
  readonly folder: string;
  readonly stateDir: string;
  readonly runtimeDir: string;
  readonly logDir: string;
  readonly configFile: string;
  readonly env: Record<string, string>;
  readonly #pids = new Set<number>();
  /** The program that is run; that of this checkout by default. */
  main: string;
  /** Who runs it; this process's own user by default. */
  user: number | undefined;
  /** A program, and its first arguments, that runs it; what it starts runs there too. */
  within: readonly string[] = [];

  private constructor(folder: string, main: string, relayPort: number, healthPort: number) {
    this.folder = folder;
    this.main = main;
    this.stateDir = path.join(folder, 'state');
    this.runtimeDir = path.join(folder, 'run');
    this.logDir = path.join(folder, 'log');
    this.configFile = path.join(folder, 'tunneld.yaml');
    this.env = {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      TUNNELD_STATE_DIR: this.stateDir,
      TUNNELD_RUNTIME_DIR: this.runtimeDir,
      TUNNELD_LOG_DIR: this.logDir,
      TUNNELD_CONFIG: this.configFile,
      // Fixed, not 0: a restarted daemon must come back under the same URL.
      TUNNELD_DAEMON_RELAY_PORT: String(relayPort),
      TUNNELD_HEALTH_PORT: String(healthPort),
    };
  }

  /** @param config what stands in `tunneld.yaml`, if anything */
  static async create(config = 'tunnels: {}\n', main = MAIN): Promise<Tunneld> {
    // Unix socket paths are short; the system's temporary folder is.
    const folder = await mkdtemp(path.join(tmpdir(), 'tunneld-test-'));
    const home = new Tunneld(folder, main, await freePort(), await freePort());
    await mkdir(home.runtimeDir, { mode: 0o700 });
    await home.writeConfig(config);
    return home;
  }

  async writeConfig(yaml: string): Promise<void> {
    await writeFile(this.configFile, yaml, { mode: 0o600 });
  }

  /** Runs `tunneld …` to its end, whatever its exit code. */
  async run(...args: readonly string[]): Promise<CliRun> {
    const run = await this.spawn(args);
    await this.#noteDaemon();
    return run;
  }

  /** The same with other environment variables and without looking for a daemon afterwards. */
  spawn(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliRun> {
    return new Promise((resolve, reject) => {
      const user = this.user === undefined ? {} : { uid: this.user, gid: this.user };
      const options = { env: { ...this.env, ...env }, timeout: RUN_TIMEOUT_MS, cwd: this.folder, ...user };
      const [program = '', ...words] = [...this.within, process.execPath, this.main, ...args];
      execFile(program, words, options, (error, stdout, stderr) => {
        if (error === null) resolve({ code: 0, stdout, stderr });
        else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr });
        else reject(new Error(`tunneld ${args.join(' ')}: ${error.message}\n${stdout}${stderr}`));
      });
    });
  }

  /** Runs a command that must succeed, and gives its output. */
  async ok(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`tunneld ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  /** Brings a tunnel up, waits until it is healthy, and tells how to reach it. */
  async up(name: string, ...args: readonly string[]): Promise<Access> {
    await this.ok('up', name, '--wait=20s', ...args);
    return this.access(name);
  }

  async access(name: string): Promise<Access> {
    const [url, token] = [await this.ok('url', name), await this.ok('token', 'show', name)];
    return { url: new URL(url.trim()), token: token.trim() };
  }

  async status(name: string): Promise<TunnelStatus> {
    // Its exit code is 1 when the tunnel is not well, which is an answer too.
    const { code, stdout, stderr } = await this.run('status', name, '--json');
    if (code > 1) throw new Error(`tunneld status ${name} ended with ${code}\n${stdout}${stderr}`);
    const data: unknown = JSON.parse(stdout);
    return (Array.isArray(data) ? data[0] : data) as TunnelStatus;
  }

  /** Polls `status` until `condition` holds. */
  until(
    name: string,
    condition: (status: TunnelStatus) => boolean,
    options: WaitOptions = {},
  ): Promise<TunnelStatus> {
    return waitFor(
      async () => {
        const status = await this.status(name);
        if (condition(status)) return status;
        const { state, health } = status;
        throw new Error(`${name} is ${state}, ${health.verdict}: ${health.cause}`);
      },
      { timeoutMs: 20_000, what: `the awaited status of ${name}`, ...options },
    );
  }

  async daemon(): Promise<DaemonInfo> {
    return JSON.parse(await this.ok('daemon', 'status', '--json')) as DaemonInfo;
  }

  /** Ends the daemon with `signal` and waits until the process is gone. */
  async kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { pid } = await this.daemon();
    process.kill(pid, signal);
    await waitFor(() => !isAlive(pid), { timeoutMs: 20_000, what: `the end of daemon ${pid}` });
  }

  /** Everything the daemon logged so far: its own file's text and every tunnel's. */
  async logs(...names: readonly string[]): Promise<string> {
    const files = ['daemon', ...names].map((name) => path.join(this.logDir, `${name}.log`));
    return (await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))).join('');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const pids = new Set([...this.#pids, ...(await this.#processes())]);
    await Promise.all([...pids].map(end));
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  /**
   * What runs in this home, known of or not: a command that failed, or ran out of time, may have
   * started a daemon nevertheless.
   */
  async #processes(): Promise<number[]> {
    if (process.platform !== 'linux') return [];
    const own = `TUNNELD_STATE_DIR=${this.stateDir}`;
    const found = await processes();
    return found.filter(({ environment }) => environment.split('\n').includes(own)).map(({ pid }) => pid);
  }

  async #noteDaemon(): Promise<void> {
    const { code, stdout } = await this.spawn(['daemon', 'status', '--json']);
    if (code === 0) this.#pids.add((JSON.parse(stdout) as DaemonInfo).pid);
  }
}

async function end(pid: number): Promise<void> {
  if (!signal(pid, 'SIGTERM')) return;
  await waitFor(() => !isAlive(pid), { timeoutMs: 5_000 }).catch(() => signal(pid, 'SIGKILL'));
}

/** @returns whether there was such a process */
function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
