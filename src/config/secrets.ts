import { homedir } from 'node:os';
import { TunneldError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { isUsableToken, WEAK_TOKEN } from './access-token.ts';
import type { Environment } from './paths.ts';
import { closeFile, reasonOf } from './private-files.ts';
import { readRegularFile } from './regular-file.ts';
import { isReference } from './secret-fields.ts';

/** No credential is longer; a file that is was named by mistake. */
const MAX_SECRET_BYTES = 65_536;

/**
 * Reads what a configuration value stands for: `env:NAME`, `file:PATH`, or the value itself.
 *
 * A file is closed to others (0600) when it was not; `onNote` is told. One trailing line break of
 * a file is not part of the secret.
 *
 * @throws {TunneldError} `SECRET_UNAVAILABLE`
 */
export function resolveSecret(
  reference: string,
  env: Environment,
  onNote: (note: string) => void = () => {},
): Secret {
  if (reference.startsWith('env:')) return fromVariable(reference.slice('env:'.length), env);
  if (reference.startsWith('file:')) return fromFile(reference.slice('file:'.length), env, onNote);
  return new Secret(reference);
}

/** `resolveSecret` for an access token: also refuses one that cannot be used as such. */
export function resolveAccessToken(
  reference: string,
  env: Environment,
  onNote?: (note: string) => void,
): Secret {
  const secret = resolveSecret(reference, env, onNote);
  if (isUsableToken(secret.reveal())) return secret;
  throw new TunneldError('SECRET_UNAVAILABLE', `The access token in ${sourceOf(reference)} cannot be used`, {
    remedy: `${WEAK_TOKEN}. \`tunneld gen-key\` makes one.`,
  });
}

/**
 * `resolveSecret` for the value of an `Authorization` header.
 *
 * @throws {TunneldError} `SECRET_UNAVAILABLE`, also for a value that no header can hold
 */
export function resolveAuthorization(reference: string, env: Environment): Secret {
  const secret = resolveSecret(reference, env);
  if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(secret.reveal())) return secret;
  throw new TunneldError('SECRET_UNAVAILABLE', `What ${sourceOf(reference)} holds is no value of a header`, {
    remedy: 'Give what follows `Authorization: `, in one line, such as `Bearer` and a token.',
  });
}

function fromVariable(name: string, env: Environment): Secret {
  const value = env[name];
  if (value === undefined || value === '') {
    const state = value === undefined ? 'not set' : 'empty';
    throw new TunneldError('SECRET_UNAVAILABLE', `The environment variable ${name} is ${state}`, {
      remedy: 'Set it where the daemon is started, then restart the daemon.',
    });
  }
  return new Secret(value);
}

function fromFile(written: string, env: Environment, onNote: (note: string) => void): Secret {
  const path = written.replace(/^~(?=\/)/, () => env['HOME'] || homedir());
  let value: string;
  try {
    closeFile(path).forEach(onNote);
    value = readRegularFile(path, MAX_SECRET_BYTES).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new TunneldError(
      'SECRET_UNAVAILABLE',
      `The secret file ${path} cannot be read: ${reasonOf(cause)}`,
      {
        cause,
      },
    );
  }
  if (value === '') throw new TunneldError('SECRET_UNAVAILABLE', `The secret file ${path} is empty`);
  return new Secret(value);
}

function sourceOf(reference: string): string {
  return isReference(reference) ? reference : 'the configuration';
}
