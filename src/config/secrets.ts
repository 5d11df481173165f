import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { TunneldError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { isUsableToken, WEAK_TOKEN } from './access-token.ts';
import type { Environment } from './paths.ts';
import { closeFile, reasonOf } from './private-files.ts';
import type { TunnelConfig } from './schema.ts';

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

/** The configuration for people to see: references stay, a literal token is masked. */
export function maskSecrets(config: TunnelConfig): TunnelConfig {
  const { access, pinggy, ngrok, relay } = config;
  const masked: TunnelConfig = { ...config, access: withMasked(access, 'token') };
  if (relay !== undefined) masked.relay = withMasked(relay, 'token');
  if (ngrok !== undefined) {
    const basicAuth = ngrok.basicAuth.map((pair) => (isReference(pair) ? pair : maskAfterColon(pair)));
    masked.ngrok = { ...ngrok, authtoken: mask(ngrok.authtoken), basicAuth };
  }
  if (pinggy === undefined) return masked;
  const keys = pinggy.keys.map(mask);
  const basicAuth = pinggy.basicAuth.map((pair) => maskAfterColon(pair));
  const setHeaders = pinggy.setHeaders.map((header) => maskAfterColon(header));
  // An option given by hand may be a key or a password as well.
  const args = pinggy.args.map((option) => (/^[kbau]:/.test(option) ? maskAfterColon(option) : option));
  return { ...masked, pinggy: { ...withMasked(pinggy, 'token'), keys, basicAuth, setHeaders, args } };
}

function withMasked<T extends { readonly token?: string | undefined }>(object: T, key: 'token'): T {
  const value = object[key];
  return value === undefined ? object : { ...object, [key]: mask(value) };
}

function maskAfterColon(text: string): string {
  const [, name = '', value = ''] = /^([^:]*: *)(.*)$/s.exec(text) ?? [];
  return name + mask(value);
}

function mask(value: string): string {
  return isReference(value) ? value : '[redacted]';
}

export function isReference(value: string): boolean {
  return /^(?:env|file):/.test(value);
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
    value = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
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
