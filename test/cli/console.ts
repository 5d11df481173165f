import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import pc from 'picocolors';
import { onTestFinished } from 'vitest';
import type { CliIo } from '../../src/cli/io.ts';
import { daemonOwner } from '../../src/cli/process-io.ts';
import { run } from '../../src/cli/run.ts';
import { resolvePaths } from '../../src/config/paths.ts';
import { ControlClient } from '../../src/control/client.ts';
import { startControlServer } from '../../src/control/server.ts';
import type { Clock } from '../../src/core/clock.ts';
import { quiet } from '../helpers/quiet.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import type { ScriptedDaemon } from './scripted-daemon.ts';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One user at one terminal: the command line in this process, over everything real but the daemon. */
export class Console {
  readonly folder = tempFolder();
  readonly env: Record<string, string> = {
    HOME: this.folder,
    TUNNELD_STATE_DIR: join(this.folder, 'state'),
    TUNNELD_RUNTIME_DIR: this.folder,
    TUNNELD_LOG_DIR: join(this.folder, 'logs'),
    TUNNELD_NO_AUTOSTART: '1',
  };
  readonly interruption = new AbortController();
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  readonly progress: string[] = [];
  clock: Clock = fast;
  /** How long a daemon may say nothing (milliseconds). */
  silenceMs = 2_000;
  interactive = false;
  size = { columns: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY };
  /** What a verb does on SIGHUP, once it said so. */
  hangup: (() => void) | undefined;
  daemonProgram = '/nonexistent/daemon.js';

  /** A console whose daemon is `daemon`, behind the real control socket. */
  static async with(daemon: ScriptedDaemon): Promise<Console> {
    const user = new Console();
    await user.serve(daemon);
    return user;
  }

  async serve(daemon: ScriptedDaemon): Promise<{ close(): Promise<void> }> {
    const { socket } = resolvePaths(this.env);
    const server = await startControlServer({ socket, api: daemon, version: '9.9.9', log: quiet });
    onTestFinished(() => server.close());
    return server;
  }

  async logDir(): Promise<string> {
    const { logDir } = resolvePaths(this.env);
    await mkdir(logDir, { recursive: true });
    return logDir;
  }

  async type(...words: readonly string[]): Promise<Outcome> {
    this.stdout.length = 0;
    this.stderr.length = 0;
    const code = await run(words, this.#io());
    return { code, stdout: this.stdout.join('\n'), stderr: this.stderr.join('\n') };
  }

  /** What the command prints as JSON. */
  async json(...words: readonly string[]): Promise<unknown> {
    const { stdout } = await this.type(...words, '--json');
    return JSON.parse(stdout);
  }

  #io(): CliIo {
    return {
      out: (line) => void this.stdout.push(line),
      err: (line) => void this.stderr.push(line),
      clear: () => void (this.interactive && this.stdout.splice(0)),
      interactive: this.interactive,
      size: () => this.size,
      paint: pc.createColors(this.interactive),
      env: this.env,
      cwd: () => this.folder,
      clock: this.clock,
      paths: () => resolvePaths(this.env),
      daemon: async () => {
        const paths = resolvePaths(this.env);
        return new ControlClient(paths.socket, {
          silenceMs: this.silenceMs,
          owner: () => daemonOwner(paths),
          onAlert: (alert) => void this.stderr.push(`tunneld: warning: ${alert}`),
        });
      },
      daemonProgram: this.daemonProgram,
      progress: async (text) => {
        this.progress.push(text);
        return { update: (now) => void this.progress.push(now), done: () => {} };
      },
      interrupted: () => this.interruption.signal,
      onHangup: (listener) => {
        this.hangup = listener;
      },
    };
  }
}

/** Twenty seconds in one: sockets are real here, so time cannot be stood still. */
const SPEED = 20;
const fast: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now() * SPEED,
  setTimer(callback, delayMs) {
    const handle = setTimeout(callback, delayMs / SPEED);
    return { cancel: () => clearTimeout(handle) };
  },
};
