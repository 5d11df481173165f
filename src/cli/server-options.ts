import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { isLiteralSecret } from '../config/server-keys.ts';
import { TunneldError } from '../core/errors.ts';
import type { ParsedArgs } from './command.ts';
import { usage } from './parse.ts';

type PartOfSpec = Readonly<Record<string, unknown>>;

/**
 * What is said of a server that is a program. It runs in the folder where it was typed: its arguments
 * mean what they mean in the shell.
 *
 * @throws {TunneldError} `USAGE`
 */
export function serverSpecOf(args: ParsedArgs, cwd: string): PartOfSpec {
  const folder = args.text('cwd');
  const env = envOf(args.list('env'));
  const given = (name: string) => {
    const value = args.text(name);
    return value === undefined ? {} : { [name]: value };
  };
  return {
    ...(args.trailing === undefined ? {} : { command: [...args.trailing], cwd }),
    ...(folder === undefined ? {} : { cwd: absolute(folder, cwd) }),
    ...(env === undefined ? {} : { env }),
    ...given('process'),
    ...given('start'),
    ...given('idle'),
  };
}

/** A URL as it was given; the path of a Unix socket is made absolute. */
export function urlOf(text: string | undefined, cwd: string): { url?: string } {
  if (text === undefined) return {};
  const [, relative] = /^unix:(?!\/)(.+)$/.exec(text) ?? [];
  return { url: relative === undefined ? text : `unix:${absolute(relative, cwd)}` };
}

function absolute(path: string, cwd: string): string {
  return /^~(?:\/|$)/.test(path) ? join(homedir(), path.slice(1)) : resolve(cwd, path);
}

/** `NAME=VALUE`, or `NAME` for the variable of the same name. */
function envOf(entries: readonly string[]): Readonly<Record<string, string>> | undefined {
  if (entries.length === 0) return undefined;
  const pairs = entries.map((entry): readonly [string, string] => {
    const [, name, value] = /^([A-Za-z_]\w*)(?:=([\s\S]*))?$/.exec(entry) ?? [];
    if (name === undefined)
      throw usage({ name: 'up' }, `--env ${entry.split('=')[0]} is no name of a variable`);
    if (value !== undefined && isLiteralSecret(name, value)) {
      throw new TunneldError(
        'USAGE',
        `--env ${name}=… has a secret in the command line, where others can read it`,
        {
          remedy: `Set ${name} in this shell and give --env ${name}; or give env:NAME or file:PATH.`,
        },
      );
    }
    return [name, value ?? `env:${name}`];
  });
  return Object.fromEntries(pairs);
}
