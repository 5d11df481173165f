import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { resolvePaths } from '../../config/paths.ts';
import { MAX_CONFIG_BYTES, readRegularFile } from '../../config/regular-file.ts';
import { ControlClient } from '../../control/client.ts';
import { TunneldError } from '../../core/errors.ts';
import { SYSTEM_ENVIRONMENT } from '../../service/definition.ts';
import { writeEnvironmentFile } from '../../service/environment-file.ts';
import type { ServiceManager } from '../../service/manager.ts';
import { type Command, ExitCode } from '../command.ts';
import type { CliIo } from '../io.ts';
import { usage } from '../parse.ts';
import { printable, printableJson } from '../render/printable.ts';
import { SCOPE_OPTIONS, serviceOf } from '../service-target.ts';

const DEFAULT_LINES = 50;

export const serviceInstall: Command = {
  name: 'service install',
  summary: 'Have the daemon started at login, or at boot, and whenever it fails',
  positionals: [],
  options: { ...SCOPE_OPTIONS, print: { type: 'boolean', summary: 'Print the unit and change nothing' } },
  examples: [
    ['tunneld service install', 'For you: systemd --user, a LaunchAgent, or a task at logon.'],
    ['sudo tunneld service install --system', 'For the machine, from boot on, with a user of its own.'],
    ['tunneld service install --print', 'Shows what would be installed.'],
  ],
  notes: [
    'Doing it again puts a changed unit (another Node, other folders) into effect. The unit holds no secret: with systemd, variables of this shell that the configuration refers to as env:NAME, proxies and NODE_EXTRA_CA_CERTS are kept in the file "environment" in the configuration folder, mode 0600.',
    'A daemon that was started by hand has to be stopped first: `tunneld daemon stop`.',
  ],

  async run(args, io) {
    const service = serviceOf(args, io);
    if (args.flag('print')) {
      io.out((await service.render()).trimEnd());
      return ExitCode.ok;
    }
    await service.assertUsable();
    await assertNoDaemonByHand(service, io);
    const environment = keepEnvironment(service, io);
    const { outcome, hints } = await service.install();
    io.out(OUTCOMES[outcome](service.file));
    for (const line of environment) io.out(line);
    for (const hint of hints) io.out(`  hint     ${hint}`);
    return ExitCode.ok;
  },
};

/** What the configuration refers to as `env:NAME` is set in this shell, and nowhere the service could see it. */
function keepEnvironment(service: ServiceManager, io: CliIo): readonly string[] {
  if (service.kind !== 'systemd') return [];
  const { configFile } = pathsOf(service, io);
  const shell = service.scope === 'system' ? SYSTEM_ENVIRONMENT : io.env;
  // Where the unit looks (%E), wherever the configuration itself is.
  const folder = dirname(resolvePaths({ ...shell, TUNNELD_CONFIG: '' }).configFile);
  const file = join(folder, 'environment');
  const config = existsSync(configFile) ? readRegularFile(configFile, MAX_CONFIG_BYTES) : '';
  const names = writeEnvironmentFile(file, config, io.env);
  return names.length === 0
    ? []
    : [`  secrets  ${names.join(', ')} of this shell: kept in ${file} (mode 600)`];
}

export const serviceUninstall: Command = {
  name: 'service uninstall',
  summary: 'Stop the service and take it away; what tunneld remembers stays',
  positionals: [],
  options: {
    ...SCOPE_OPTIONS,
    purge: { type: 'boolean', summary: 'Also remove tunnels, tokens and logs; the configuration stays' },
  },
  examples: [['tunneld service uninstall', 'Says where the state is that it left.']],

  async run(args, io) {
    const service = serviceOf(args, io);
    const { stateDir, logDir } = pathsOf(service, io);
    const removed = await service.uninstall();
    io.out(removed ? `Removed ${service.file}` : 'tunneld was not installed as a service');
    if (!args.flag('purge')) {
      if (removed) io.out(`  state    ${stateDir} stays: tunnels and tokens. --purge removes it`);
      return ExitCode.ok;
    }
    for (const folder of [stateDir, logDir, ...behindLinks(service)])
      rmSync(folder, { recursive: true, force: true });
    io.out(`Removed ${stateDir} and ${logDir}`);
    return ExitCode.ok;
  },
};

export const serviceStart = control('start', 'Start the service', 'The service has started');
export const serviceStop = control(
  'stop',
  'Stop the service until the next boot or login',
  'The service has stopped',
);
export const serviceRestart = control('restart', 'Restart the service', 'The service has restarted');

export const serviceStatus: Command = {
  name: 'service status',
  summary: 'Show whether the service is installed, and runs',
  positionals: [],
  options: {
    ...SCOPE_OPTIONS,
    json: { type: 'boolean', summary: 'Print JSON: manager, scope, file, installed, running, state' },
  },
  examples: [['tunneld service status', 'Exit code 0 when it runs, 3 when it does not or is not installed.']],

  async run(args, io) {
    const service = serviceOf(args, io);
    const status = await service.status();
    const { kind: manager, scope, file } = service;
    const code = status.installed && status.running ? ExitCode.ok : ExitCode.notFound;
    if (args.flag('json')) {
      io.out(printableJson({ manager, scope, file, ...status }, 2));
      return code;
    }
    if (!status.installed) {
      io.out(
        `Not installed as a service (${manager}, ${scope}). Install it with \`tunneld service install\`.`,
      );
      return code;
    }
    const facts: [string, string | undefined][] = [
      ['unit', file],
      ['starts', status.enabled ? `by itself (${scope})` : 'only by hand'],
      ['pid', status.pid?.toString()],
      ['says', status.detail],
      ['restarts', status.restarts?.toString()],
    ];
    io.out(`${io.paint.bold(status.state)}  ${manager}`);
    for (const [label, text] of facts) {
      if (text !== undefined) io.out(`  ${io.paint.dim(label.padEnd(8))} ${printable(text)}`);
    }
    return code;
  },
};

export const serviceLogs: Command = {
  name: 'service logs',
  summary: "Show what the service's daemon printed, in the manager's own log",
  positionals: [],
  options: {
    ...SCOPE_OPTIONS,
    lines: { type: 'string', short: 'n', value: 'count', summary: `How many; default ${DEFAULT_LINES}` },
    follow: { type: 'boolean', short: 'f', summary: 'Stay, and show what comes' },
  },
  examples: [
    ['tunneld service logs -f', 'What kept it from starting, and what it said when it crashed.'],
    ['tunneld logs', 'What it does while it runs is in its own log files.'],
  ],

  async run(args, io) {
    const lines = Number(args.text('lines') ?? DEFAULT_LINES);
    if (!Number.isInteger(lines) || lines < 0) throw usage(serviceLogs, '--lines needs a count');
    const [program, ...words] = serviceOf(args, io).logsCommand({ lines, follow: args.flag('follow') });
    const { execa } = await import('execa');
    const ended = await execa(program, words, {
      stdio: 'inherit',
      env: io.env,
      extendEnv: false,
      reject: false,
    });
    const { exitCode, isTerminated, cause, shortMessage } = ended;
    if (exitCode !== undefined) return exitCode;
    if (isTerminated) return ExitCode.no;
    throw new TunneldError('SERVICE_FAILED', shortMessage ?? `${program} could not be run`, { cause });
  },
};

const OUTCOMES = {
  installed: (file: string) => `Installed ${file}; the daemon runs`,
  changed: (file: string) => `Changed ${file}; the daemon was restarted`,
  unchanged: (file: string) => `${file} was there already; the daemon runs`,
} as const;

function control(verb: 'start' | 'stop' | 'restart', summary: string, done: string): Command {
  return {
    name: `service ${verb}`,
    summary,
    positionals: [],
    options: SCOPE_OPTIONS,
    examples: [[`tunneld service ${verb}`, `${done}.`]],
    async run(args, io) {
      await serviceOf(args, io)[verb]();
      io.out(done);
      return ExitCode.ok;
    },
  };
}

/** Two daemons would want the same ports; the one by hand would win, and the service fail for ever. */
async function assertNoDaemonByHand(service: ServiceManager, io: CliIo): Promise<void> {
  const sockets = new Set([io.paths().socket, pathsOf(service, io).socket]);
  const { running, pid: servicePid } = await service.status();
  for (const socket of sockets) {
    const info = await new ControlClient(socket).info().catch(() => undefined);
    if (info === undefined || (running && (servicePid === undefined || info.pid === servicePid))) continue;
    throw new TunneldError(
      'DAEMON_ALREADY_RUNNING',
      `A daemon that was started by hand is running (pid ${info.pid})`,
      {
        remedy:
          'Stop it with `tunneld daemon stop`, then install the service: its tunnels come back with it.',
      },
    );
  }
}

function pathsOf(service: ServiceManager, io: CliIo) {
  const ofSystem = service.kind === 'systemd' && service.scope === 'system';
  return ofSystem ? resolvePaths(SYSTEM_ENVIRONMENT) : io.paths();
}

/** systemd keeps the folders of a user it made up behind links. */
function behindLinks(service: ServiceManager): readonly string[] {
  if (service.kind !== 'systemd' || service.scope !== 'system') return [];
  return ['/var/lib/private/tunneld', '/var/log/private/tunneld'];
}
