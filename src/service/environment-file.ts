import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf } from '../core/error-message.ts';
import { TunneldError } from '../core/errors.ts';

/** What decides how the daemon reaches the internet; a proxy's URL may hold a password. */
const NETWORK = [
  'NODE_EXTRA_CA_CERTS',
  ...['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()]),
];

/**
 * Puts what the daemon of a service needs from this shell into its environment file (`NAME=value`,
 * mode 0600, which systemd reads): the variables that the configuration refers to as `env:NAME`, and
 * those of the network. What is in the file and not set here stays.
 *
 * @returns the names that were written
 * @throws {TunneldError} `SERVICE_PERMISSION`
 */
export function writeEnvironmentFile(
  file: string,
  config: string,
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const referred = [...config.matchAll(/\benv:([A-Za-z_][A-Za-z0-9_]*)/g)].map((match) => match[1] ?? '');
  const before = read(file);
  const wanted = [...new Set([...referred, ...NETWORK])].flatMap((name): [string, string][] => {
    const line = `${name}=${quoted(env[name] ?? '')}`;
    return (env[name] ?? '') === '' || before.includes(line) ? [] : [[name, line]];
  });
  if (wanted.length === 0) return [];
  const names = wanted.map(([name]) => name);
  const kept = before.filter((line) => line !== '' && !names.some((name) => line.startsWith(`${name}=`)));
  const unfinished = `${file}.tmp-${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(unfinished, `${[...kept, ...wanted.map(([, line]) => line)].join('\n')}\n`, {
      mode: 0o600,
    });
    chmodSync(unfinished, 0o600);
    renameSync(unfinished, file);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new TunneldError('SERVICE_PERMISSION', `${file} cannot be written: ${reason}`, { cause });
  }
  return names;
}

function read(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}

/** systemd.exec(5): in double quotes, with a backslash before what a shell would take for its own. */
function quoted(value: string): string {
  return `"${value.replaceAll(/["\\$`]/g, '\\$&')}"`;
}
