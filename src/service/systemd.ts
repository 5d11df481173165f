import { existsSync } from 'node:fs';
import { TunneldError } from '../core/errors.ts';
import { type ServiceDefinition, UNIT } from './definition.ts';
import type { InstallResult, ProgramResult, RunProgram, ServiceManager, ServiceStatus } from './manager.ts';
import { assertReadableByAll } from './readable-by-all.ts';
import { systemdUnit } from './systemd-unit.ts';
import { readUnit, removeUnit, writeUnit } from './unit-file.ts';

export interface SystemdOptions {
  readonly definition: ServiceDefinition;
  readonly file: string;
  readonly run: RunProgram;
  readonly isRoot: boolean;
  /** Login name, for the hint about lingering. */
  readonly user: string;
  /** There is a folder here when systemd is the first process. */
  readonly bootedMark?: string;
}

/** systemd, of the system or of the user. */
export class Systemd implements ServiceManager {
  readonly kind = 'systemd';
  readonly scope: ServiceDefinition['scope'];
  readonly file: string;
  readonly #options: SystemdOptions;

  constructor(options: SystemdOptions) {
    this.scope = options.definition.scope;
    this.file = options.file;
    this.#options = options;
  }

  async render(): Promise<string> {
    return systemdUnit(this.#options.definition);
  }

  async assertUsable(): Promise<void> {
    const { bootedMark = '/run/systemd/system', isRoot, definition } = this.#options;
    if (!existsSync(bootedMark)) {
      throw new TunneldError('SERVICE_UNAVAILABLE', 'systemd does not run this machine', {
        remedy:
          'In a container, make `tunneld daemon run` its command; elsewhere, have your own service manager run it.',
      });
    }
    if (this.scope === 'system') {
      if (!isRoot) {
        throw new TunneldError('SERVICE_PERMISSION', 'The unit of the system belongs to root', {
          remedy: 'Run it again with sudo, or install it for yourself with --user.',
        });
      }
      assertReadableByAll([definition.node, definition.program]);
      return;
    }
    const { code, stderr } = await this.#systemctl('show-environment');
    if (code !== 0) {
      throw new TunneldError('SERVICE_UNAVAILABLE', `Your own systemd does not answer: ${stderr.trim()}`, {
        remedy:
          'Log in as yourself (not with su or sudo), or keep your systemd running with `loginctl enable-linger`.',
      });
    }
  }

  async install(): Promise<InstallResult> {
    await this.assertUsable();
    const outcome = writeUnit(this.file, await this.render());
    await this.#must('daemon-reload');
    await this.#must('enable', UNIT);
    // A unit that systemd gave up on has to be forgiven before it starts again.
    await this.#systemctl('reset-failed', UNIT);
    await this.#must(outcome === 'changed' ? 'restart' : 'start', UNIT);
    return { outcome, hints: await this.#hints() };
  }

  async uninstall(): Promise<boolean> {
    await this.assertUsable();
    if (readUnit(this.file) !== undefined) await this.#must('disable', '--now', UNIT);
    const there = removeUnit(this.file);
    await this.#must('daemon-reload');
    await this.#systemctl('reset-failed', UNIT);
    return there;
  }

  async start(): Promise<void> {
    await this.#control('start');
  }

  async stop(): Promise<void> {
    await this.#control('stop');
  }

  async restart(): Promise<void> {
    await this.#control('restart');
  }

  async status(): Promise<ServiceStatus> {
    const properties = [
      'ActiveState',
      'SubState',
      'StatusText',
      'MainPID',
      'NRestarts',
      'UnitFileState',
      'Result',
    ];
    const { code, stdout, stderr } = await this.#systemctl(
      'show',
      UNIT,
      `--property=${properties.join(',')}`,
    );
    if (code !== 0) throw failed(['show', UNIT], stderr);
    const values = new Map(stdout.split('\n').map((line) => splitOnce(line)));
    const value = (name: string) => values.get(name) ?? '';
    const pid = Number(value('MainPID'));
    const result = ['', 'success'].includes(value('Result')) ? '' : `, ${value('Result')}`;
    return {
      installed: readUnit(this.file) !== undefined,
      running: value('ActiveState') === 'active',
      state: `${value('ActiveState')} (${value('SubState')}${result})`,
      enabled: value('UnitFileState') === 'enabled',
      ...(pid > 0 ? { pid } : {}),
      ...(value('StatusText') === '' ? {} : { detail: value('StatusText') }),
      restarts: Number(value('NRestarts')),
    };
  }

  logsCommand({ lines, follow }: { lines: number; follow: boolean }): readonly [string, ...string[]] {
    const whose = this.scope === 'user' ? '--user-unit' : '--unit';
    return ['journalctl', whose, UNIT, '--no-pager', `--lines=${lines}`, ...(follow ? ['--follow'] : [])];
  }

  async #control(verb: 'start' | 'stop' | 'restart'): Promise<void> {
    await this.assertUsable();
    if (readUnit(this.file) === undefined)
      throw new TunneldError('SERVICE_NOT_INSTALLED', `There is no ${this.file}`);
    await this.#must(verb, UNIT);
  }

  async #hints(): Promise<readonly string[]> {
    if (this.scope === 'system') return [];
    const { user, run } = this.#options;
    const linger = await run('loginctl', ['show-user', user, '--property=Linger']).catch(() => undefined);
    if (linger?.stdout.trim() === 'Linger=yes') return [];
    return [`It runs while you are logged in. To have it run from boot on: loginctl enable-linger ${user}`];
  }

  async #must(...args: readonly string[]): Promise<void> {
    const { code, stderr } = await this.#systemctl(...args);
    if (code !== 0) throw failed(args, stderr);
  }

  #systemctl(...args: readonly string[]): Promise<ProgramResult> {
    const whose = this.scope === 'user' ? ['--user'] : [];
    return this.#options.run('systemctl', [...whose, '--no-pager', ...args]).catch((error: Error) => ({
      code: 1,
      stdout: '',
      stderr: error.message,
    }));
  }
}

function failed(args: readonly string[], stderr: string): TunneldError {
  const permission = /access denied|permission denied|interactive authentication/i.test(stderr);
  return new TunneldError(
    permission ? 'SERVICE_PERMISSION' : 'SERVICE_FAILED',
    `systemctl ${args.join(' ')}: ${stderr.trim() || 'it gave no reason'}`,
  );
}

function splitOnce(line: string): [string, string] {
  const at = line.indexOf('=');
  return at === -1 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
}
