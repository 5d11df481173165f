import { join } from 'node:path';
import { TunneldError } from '../core/errors.ts';
import type { ServiceDefinition } from './definition.ts';
import type { InstallResult, ProgramResult, RunProgram, ServiceManager, ServiceStatus } from './manager.ts';
import { readUnit, removeUnit, writeUnit } from './unit-file.ts';
import { TASK, windowsTask } from './windows-task.ts';

export interface TaskSchedulerOptions {
  readonly definition: ServiceDefinition;
  readonly file: string;
  readonly run: RunProgram;
  /** `DOMAIN\\name` */
  readonly user: string;
}

/** The task scheduler of Windows. Written from its documentation; never run on Windows so far. */
export class TaskScheduler implements ServiceManager {
  readonly kind = 'task-scheduler';
  readonly scope: ServiceDefinition['scope'];
  readonly file: string;
  readonly #options: TaskSchedulerOptions;

  constructor(options: TaskSchedulerOptions) {
    this.scope = options.definition.scope;
    this.file = options.file;
    this.#options = options;
  }

  render(): Promise<string> {
    return windowsTask(this.#options.definition, this.#options.user);
  }

  async assertUsable(): Promise<void> {
    if (this.scope === 'user') return;
    throw new TunneldError('SERVICE_UNAVAILABLE', 'On Windows there is only a task of the user', {
      remedy: 'Leave --system out.',
    });
  }

  async install(): Promise<InstallResult> {
    await this.assertUsable();
    // schtasks reads UTF-16 only with its mark in front.
    const outcome = writeUnit(this.file, `\u{feff}${await this.render()}`, 'utf16le');
    await this.#must('/Create', '/TN', TASK, '/XML', this.file, '/F');
    await this.#must('/Run', '/TN', TASK);
    return { outcome, hints: ['It runs while you are logged in.'] };
  }

  async uninstall(): Promise<boolean> {
    await this.#schtasks('/End', '/TN', TASK);
    await this.#schtasks('/Delete', '/TN', TASK, '/F');
    return removeUnit(this.file);
  }

  async start(): Promise<void> {
    await this.#must('/Run', '/TN', TASK);
  }

  async stop(): Promise<void> {
    await this.#must('/End', '/TN', TASK);
  }

  async restart(): Promise<void> {
    await this.#schtasks('/End', '/TN', TASK);
    await this.start();
  }

  async status(): Promise<ServiceStatus> {
    const installed = readUnit(this.file) !== undefined;
    const { code, stdout } = await this.#schtasks('/Query', '/TN', TASK, '/FO', 'CSV', '/NH');
    if (code !== 0) return { installed, running: false, state: 'not registered', enabled: false };
    const state = stdout.trim().split(',').at(-1)?.replaceAll('"', '') ?? 'unknown';
    return { installed, running: state === 'Running', state, enabled: state !== 'Disabled' };
  }

  logsCommand({ lines, follow }: { lines: number; follow: boolean }): readonly [string, ...string[]] {
    const file = join(this.#options.definition.paths.logDir, 'daemon.log');
    const wait = follow ? ' -Wait' : '';
    return [
      'powershell',
      '-NoProfile',
      '-Command',
      `Get-Content -Tail ${lines}${wait} -LiteralPath '${file}'`,
    ];
  }

  async #must(...args: readonly string[]): Promise<void> {
    const { code, stderr } = await this.#schtasks(...args);
    if (code === 0) return;
    throw new TunneldError(
      'SERVICE_FAILED',
      `schtasks ${args.join(' ')}: ${stderr.trim() || `code ${code}`}`,
    );
  }

  #schtasks(...args: readonly string[]): Promise<ProgramResult> {
    return this.#options.run('schtasks', args);
  }
}
