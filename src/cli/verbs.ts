import type { VerbTable } from './command.ts';

/**
 * Every verb, in the order of the overview. Each is loaded when it is used: `tunneld status` must
 * not pay for what `tunneld demo` needs.
 */
export const VERBS = {
  up: async () => (await import('./commands/up.ts')).up,
  set: async () => (await import('./commands/set.ts')).set,
  unset: async () => (await import('./commands/unset.ts')).unset,
  down: async () => (await import('./commands/down.ts')).down,
  restart: async () => (await import('./commands/restart.ts')).restart,
  status: async () => (await import('./commands/status.ts')).status,
  ready: async () => (await import('./commands/ready.ts')).ready,
  doctor: async () => (await import('./commands/doctor.ts')).doctor,
  url: async () => (await import('./commands/url.ts')).url,
  client: async () => (await import('./commands/client.ts')).client,
  logs: async () => (await import('./commands/logs.ts')).logs,
  inspect: async () => (await import('./commands/inspect.ts')).inspect,
  'token show': async () => (await import('./commands/token-show.ts')).tokenShow,
  'token rotate': async () => (await import('./commands/token-rotate.ts')).tokenRotate,
  rm: async () => (await import('./commands/rm.ts')).rm,
  'daemon run': async () => (await import('./commands/daemon-run.ts')).daemonRun,
  'daemon start': async () => (await import('./commands/daemon-start.ts')).daemonStart,
  'daemon stop': async () => (await import('./commands/daemon-stop.ts')).daemonStop,
  'daemon restart': async () => (await import('./commands/daemon-restart.ts')).daemonRestart,
  'daemon status': async () => (await import('./commands/daemon-status.ts')).daemonStatus,
  'service install': async () => (await import('./commands/service.ts')).serviceInstall,
  'service uninstall': async () => (await import('./commands/service.ts')).serviceUninstall,
  'service start': async () => (await import('./commands/service.ts')).serviceStart,
  'service stop': async () => (await import('./commands/service.ts')).serviceStop,
  'service restart': async () => (await import('./commands/service.ts')).serviceRestart,
  'service status': async () => (await import('./commands/service.ts')).serviceStatus,
  'service logs': async () => (await import('./commands/service.ts')).serviceLogs,
  import: async () => (await import('./commands/import.ts')).importVerb,
  'config check': async () => (await import('./commands/config-check.ts')).configCheck,
  'config show': async () => (await import('./commands/config-show.ts')).configShow,
  'config path': async () => (await import('./commands/config-path.ts')).configPath,
  relay: async () => (await import('./commands/relay.ts')).relay,
  'relay check': async () => (await import('./commands/relay-check.ts')).relayCheck,
  'relay-token new': async () => (await import('./commands/relay-token-new.ts')).relayTokenNew,
  'gen-key': async () => (await import('./commands/gen-key.ts')).genKey,
  demo: async () => (await import('./commands/demo.ts')).demo,
  completion: async () => (await import('./commands/completion.ts')).completionFor(table()),
  man: async () => (await import('./commands/man.ts')).manFor(table()),
  version: async () => (await import('./commands/version.ts')).version,
  help: async () => (await import('./commands/help.ts')).helpFor(table()),
} as const satisfies VerbTable['verbs'];

/** Other names people type; `help` shows them next to the real one. */
export const ALIASES: VerbTable['aliases'] = { ps: 'status' };

/** A function, because the table contains `help`, which is made of the table. */
function table(): VerbTable {
  return { verbs: VERBS, aliases: ALIASES };
}
