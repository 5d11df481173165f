import { resolve } from 'node:path';
import { resolvePaths } from '../config/paths.ts';
import type { Command, ParsedArgs } from './command.ts';
import type { CliIo } from './io.ts';

/** `--config`, for the verbs that read the file or start the daemon that does. */
export const CONFIG_OPTION: Command['options'] = {
  config: {
    type: 'string',
    value: 'file',
    summary: 'Use this config file; default: TUNNELD_CONFIG, then `tunneld config path`',
  },
};

/** The same surroundings with the file of `--config` in place, if it was given. */
export function withConfigOption(args: ParsedArgs, io: CliIo): CliIo {
  const file = args.text('config');
  if (file === undefined) return io;
  const env = { ...io.env, TUNNELD_CONFIG: resolve(file) };
  return { ...io, env, paths: () => resolvePaths(env) };
}
