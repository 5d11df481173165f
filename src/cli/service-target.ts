import { createServiceManager } from '../service/create.ts';
import type { Scope } from '../service/definition.ts';
import { installedScope } from '../service/installed.ts';
import type { ServiceManager } from '../service/manager.ts';
import type { Command, ParsedArgs } from './command.ts';
import type { CliIo } from './io.ts';
import { usage } from './parse.ts';

/** Whose service manager is meant. */
export const SCOPE_OPTIONS: Command['options'] = {
  user: { type: 'boolean', summary: 'Your own service manager; the default, except for root' },
  system: { type: 'boolean', summary: "The system's service manager; the default for root" },
};

/** @throws {TunneldError} `USAGE`, `SERVICE_UNAVAILABLE` */
export function serviceOf(args: ParsedArgs, io: CliIo): ServiceManager {
  return createServiceManager({ scope: scopeOf(args, io), env: io.env, program: io.daemonProgram });
}

/** Without a word of the user: what is installed, else what this user would install. */
function scopeOf(args: ParsedArgs, io: CliIo): Scope {
  if (args.flag('user') && args.flag('system')) {
    throw usage({ name: 'service install' }, '--user and --system contradict each other');
  }
  if (args.flag('user')) return 'user';
  if (args.flag('system')) return 'system';
  return installedScope(io.paths(), io.env) ?? (process.getuid?.() === 0 ? 'system' : 'user');
}
