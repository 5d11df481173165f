import type { ServiceDefinition } from './definition.ts';

/** Stopping drains first; a drain longer than this asks systemd for more time by itself. */
const STOP_SECONDS = 45;

/** The unit file. The same definition gives the same text: it is compared to find out what changed. */
export function systemdUnit(definition: ServiceDefinition): string {
  const system = definition.scope === 'system';
  const { node, program } = definition;
  return sections([
    [
      'Unit',
      'Description=tunneld: public URLs for local MCP servers',
      // A user's systemd does not know the system's targets.
      ...(system ? ['Wants=network-online.target', 'After=network-online.target'] : []),
      'StartLimitIntervalSec=300',
      'StartLimitBurst=10',
    ],
    [
      'Service',
      'Type=notify',
      // Node cannot write to a datagram socket: systemd-notify, a child, speaks for the daemon.
      'NotifyAccess=all',
      `ExecStart=${argument(node)} ${argument(program)}`,
      // The shell has a `kill` of its own; the program is missing on small systems.
      `ExecReload=/bin/sh -c "kill -HUP \${MAINPID}"`,
      'Restart=on-failure',
      'RestartSec=2',
      '# 78: the configuration is wrong. Starting again would not correct it.',
      'RestartPreventExitStatus=78',
      'WatchdogSec=30',
      '# A blocked event loop runs no signal handler: asking it to end would take the whole stop time-out.',
      'WatchdogSignal=SIGKILL',
      'TimeoutStartSec=60',
      `TimeoutStopSec=${STOP_SECONDS}`,
      'KillMode=mixed',
      '# The memory of the daemon holds access tokens.',
      'LimitCORE=0',
      'UMask=0077',
      ...Object.entries(definition.environment).map(
        ([name, value]) => `Environment=${quoted(`${name}=${value}`)}`,
      ),
      '# For what the configuration refers to as `env:NAME`; mode 0600.',
      'EnvironmentFile=-%E/tunneld/environment',
      ...(system ? SYSTEM_HARDENING : USER_HARDENING),
    ],
    ['Install', `WantedBy=${system ? 'multi-user.target' : 'default.target'}`],
  ]);
}

/** What needs no namespace of its own works for every user's systemd. */
const USER_HARDENING = [
  'NoNewPrivileges=yes',
  'LockPersonality=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'SystemCallArchitectures=native',
];

/** No `MemoryDenyWriteExecute`: V8 writes the machine code it runs. */
const SYSTEM_HARDENING = [
  'DynamicUser=yes',
  '# Its user has no entry, and Node asks where its home is.',
  'Environment=HOME=%S/tunneld',
  'StateDirectory=tunneld',
  'StateDirectoryMode=0700',
  'RuntimeDirectory=tunneld',
  'RuntimeDirectoryMode=0700',
  'LogsDirectory=tunneld',
  'LogsDirectoryMode=0700',
  ...USER_HARDENING,
  'CapabilityBoundingSet=',
  'AmbientCapabilities=',
  'DevicePolicy=closed',
  'PrivateDevices=yes',
  'PrivateMounts=yes',
  'PrivateTmp=yes',
  'ProtectClock=yes',
  'ProtectControlGroups=yes',
  'ProtectHome=yes',
  'ProtectHostname=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelTunables=yes',
  'ProtectProc=invisible',
  'ProtectSystem=strict',
  'RemoveIPC=yes',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
  'RestrictNamespaces=yes',
  'SystemCallFilter=@system-service',
  'SystemCallFilter=~@privileged @resources',
  'SystemCallErrorNumber=EPERM',
];

function sections(all: readonly (readonly string[])[]): string {
  return `${all.map(([name, ...lines]) => [`[${name}]`, ...lines].join('\n')).join('\n\n')}\n`;
}

/** A word of a command line, where `$` would be a variable. */
function argument(text: string): string {
  return quoted(text).replaceAll('$', '$$$$');
}

/** systemd reads C escapes in quotes, and `%` as the start of a specifier anywhere. */
function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('%', '%%')}"`;
}
