import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { resolvePaths } from '../../config/paths.ts';
import { ControlClient } from '../../control/client.ts';
import { sleep } from '../../core/clock.ts';
import { startDaemon } from '../daemon-process.ts';
import type { CliIo } from '../io.ts';
import { isRunning } from '../is-running.ts';

const SERVER_PROGRAM = fileURLToPath(new URL('../../demo/server.js', import.meta.url));
/** Draining takes milliseconds here: nobody but the demo itself is connected. */
const STOP_TIMEOUT_MS = 10_000;

/** The processes and the folder of one demo. `strike` removes all of it, however far it got. */
export class DemoStage {
  readonly folder: string;
  readonly #io: CliIo;
  #server: ChildProcess | undefined;
  #daemon: { readonly client: ControlClient; readonly pid: number } | undefined;

  private constructor(folder: string, io: CliIo) {
    this.folder = folder;
    this.#io = io;
  }

  static async create(io: CliIo): Promise<DemoStage> {
    return new DemoStage(await mkdtemp(join(tmpdir(), 'tunneld-demo-')), io);
  }

  /** @returns the port of the sample server */
  async startServer(): Promise<number> {
    // Not in our process group: Ctrl-C must reach it through `strike`, in its turn.
    const { execa } = await import('execa');
    const child = execa(process.execPath, [SERVER_PROGRAM], {
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'inherit',
      buffer: false,
      reject: false,
      detached: true,
    });
    this.#server = child;
    const line = await firstLine(child, child.stdout);
    return (JSON.parse(line) as { port: number }).port;
  }

  async startDaemon(): Promise<ControlClient> {
    const env = await this.#environment();
    const paths = resolvePaths(env);
    const pid = await startDaemon(this.#io.daemonProgram, paths, env, this.#io.clock);
    const client = new ControlClient(paths.socket);
    this.#daemon = { client, pid };
    return client;
  }

  async strike(): Promise<void> {
    await this.#stopDaemon();
    await this.#stopServer();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Nothing of the user's: no config file, no state, no port that may be taken. */
  async #environment(): Promise<NodeJS.ProcessEnv> {
    const config = join(this.folder, 'tunneld.yaml');
    await writeFile(config, 'tunnels: {}\n', { mode: 0o600 });
    const runtimeDir = join(this.folder, 'run');
    await mkdir(runtimeDir, { mode: 0o700 });
    return {
      ...this.#io.env,
      TUNNELD_CONFIG: config,
      TUNNELD_STATE_DIR: join(this.folder, 'state'),
      TUNNELD_RUNTIME_DIR: runtimeDir,
      TUNNELD_LOG_DIR: join(this.folder, 'logs'),
      TUNNELD_DAEMON_RELAY_PORT: '0',
      TUNNELD_HEALTH_PORT: '0',
    };
  }

  async #stopDaemon(): Promise<void> {
    if (this.#daemon === undefined) return;
    const { client, pid } = this.#daemon;
    const { clock } = this.#io;
    await client.stop().catch(() => end(pid, 'SIGTERM'));
    const deadline = clock.monotonic() + STOP_TIMEOUT_MS;
    while (await isRunning(pid)) {
      if (clock.monotonic() >= deadline) end(pid, 'SIGKILL');
      await sleep(clock, 20);
    }
  }

  async #stopServer(): Promise<void> {
    const child = this.#server;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}

/** It may be gone already, which is what is wanted. */
function end(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function firstLine(child: ChildProcess, output: Readable): Promise<string> {
  const gone = new AbortController();
  child.once('exit', () => gone.abort(new Error('the sample server ended before it listened')));
  child.once('error', (error) => gone.abort(error));
  const lines = createInterface({ input: output });
  try {
    const [line] = (await once(lines, 'line', { signal: gone.signal })) as [string];
    return line;
  } catch (error) {
    throw gone.signal.aborted ? gone.signal.reason : error;
  } finally {
    lines.close();
  }
}
