import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, sleep } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import { LABEL, type ServiceDefinition } from './definition.ts';
import { launchdPlist } from './launchd-plist.ts';
import type { InstallResult, ProgramResult, RunProgram, ServiceManager, ServiceStatus } from './manager.ts';
import { readUnit, removeUnit, writeUnit } from './unit-file.ts';

export interface LaunchdOptions {
  readonly definition: ServiceDefinition;
  readonly file: string;
  readonly run: RunProgram;
  readonly uid: number;
  /** Who runs the system's daemon: the user behind sudo. */
  readonly user?: string;
  readonly clock: Clock;
}

/** Stopping drains, for up to the agent's exit time-out (45 s). Then launchd ends it. */
const UNLOAD_MS = 60_000;
const POLL_MS = 250;

/** launchd: an agent of the user, or a daemon of the system. */
export class Launchd implements ServiceManager {
  readonly kind = 'launchd';
  readonly scope: ServiceDefinition['scope'];
  readonly file: string;
  readonly #options: LaunchdOptions;
  readonly #domain: string;

  constructor(options: LaunchdOptions) {
    this.scope = options.definition.scope;
    this.file = options.file;
    this.#options = options;
    this.#domain = this.scope === 'system' ? 'system' : `gui/${options.uid}`;
  }

  render(): Promise<string> {
    const { definition, user } = this.#options;
    return launchdPlist(definition, user);
  }

  async assertUsable(): Promise<void> {
    if (this.scope === 'system' && this.#options.uid !== 0) {
      throw new TunneldError('SERVICE_PERMISSION', 'The daemons of the system belong to root', {
        remedy: 'Run it again with sudo, or install it for yourself with --user.',
      });
    }
  }

  async install(): Promise<InstallResult> {
    await this.assertUsable();
    const outcome = writeUnit(this.file, await this.render());
    // launchd makes the log file and not its folder; without it the agent does not start.
    if (this.scope === 'user')
      mkdirSync(this.#options.definition.paths.logDir, { recursive: true, mode: 0o700 });
    const loaded = (await this.status()).state !== 'not loaded';
    if (loaded && outcome !== 'unchanged') await this.#unload();
    if (!loaded || outcome !== 'unchanged') await this.#must('bootstrap', this.#domain, this.file);
    const hints =
      this.scope === 'user' ? ['It runs while you are logged in; --system runs it from boot on.'] : [];
    return { outcome, hints };
  }

  async uninstall(): Promise<boolean> {
    await this.assertUsable();
    await this.#unload();
    return removeUnit(this.file);
  }

  async start(): Promise<void> {
    await this.#assertInstalled();
    if ((await this.status()).state === 'not loaded') await this.#must('bootstrap', this.#domain, this.file);
    else await this.#must('kickstart', this.#service);
  }

  async stop(): Promise<void> {
    await this.#assertInstalled();
    await this.#must('kill', 'SIGTERM', this.#service);
  }

  async restart(): Promise<void> {
    await this.#assertInstalled();
    await this.#must('kickstart', '-k', this.#service);
  }

  async status(): Promise<ServiceStatus> {
    const installed = readUnit(this.file) !== undefined;
    const { code, stdout } = await this.#launchctl('print', this.#service);
    if (code !== 0) return { installed, running: false, state: 'not loaded', enabled: false };
    const state = /^\s*state = (.+)$/m.exec(stdout)?.[1] ?? 'unknown';
    const pid = /^\s*pid = (\d+)$/m.exec(stdout)?.[1];
    const running = state === 'running';
    return { installed, running, state, enabled: true, ...(pid === undefined ? {} : { pid: Number(pid) }) };
  }

  logsCommand({ lines, follow }: { lines: number; follow: boolean }): readonly [string, ...string[]] {
    const file = join(this.#options.definition.paths.logDir, 'daemon.stderr');
    return ['tail', '-n', String(lines), ...(follow ? ['-F'] : []), file];
  }

  get #service(): string {
    return `${this.#domain}/${LABEL}`;
  }

  /** `bootout` may return before the daemon has drained; what it used is free only then. */
  async #unload(): Promise<void> {
    const { clock } = this.#options;
    await this.#launchctl('bootout', this.#service);
    const deadline = clock.monotonic() + UNLOAD_MS;
    while ((await this.status()).state !== 'not loaded') {
      if (clock.monotonic() >= deadline)
        throw new TunneldError(
          'SERVICE_FAILED',
          `launchd still has ${this.#service} after ${UNLOAD_MS / 1_000} s`,
        );
      await sleep(clock, POLL_MS);
    }
  }

  async #assertInstalled(): Promise<void> {
    await this.assertUsable();
    if (readUnit(this.file) === undefined)
      throw new TunneldError('SERVICE_NOT_INSTALLED', `There is no ${this.file}`);
  }

  async #must(...args: readonly string[]): Promise<void> {
    const { code, stderr } = await this.#launchctl(...args);
    if (code === 0) return;
    throw new TunneldError(
      'SERVICE_FAILED',
      `launchctl ${args.join(' ')}: ${stderr.trim() || `code ${code}`}`,
    );
  }

  #launchctl(...args: readonly string[]): Promise<ProgramResult> {
    return this.#options.run('launchctl', args);
  }
}
