import { resolve } from 'node:path';
import type { TunnelSpec } from '../config/schema.ts';
import type { Command, ParsedArgs } from './command.ts';
import { assertReference, isReference } from './secret-option.ts';

/** The options of `up` for `--provider ngrok`; the config file has the rest of its keys. */
export const NGROK_OPTIONS = {
  'ngrok-authtoken': {
    key: 'ngrok.authtoken',
    type: 'string',
    value: 'ref',
    summary: 'ngrok authtoken: env:NAME or file:PATH; default: env:NGROK_AUTHTOKEN',
  },
  'ngrok-domain': { key: 'ngrok.domain', type: 'string', value: 'host', summary: 'A domain of the account' },
  'ngrok-basic-auth': {
    key: 'ngrok.basicAuth',
    type: 'string',
    value: 'ref',
    multiple: true,
    summary: 'User and password for the edge: env:NAME, or user:env:NAME',
  },
  'ngrok-allow': {
    key: 'ngrok.allow',
    type: 'string',
    value: 'cidr',
    multiple: true,
    summary: 'Let only this network connect',
  },
  'ngrok-deny': {
    key: 'ngrok.deny',
    type: 'string',
    value: 'cidr',
    multiple: true,
    summary: 'Do not let this network connect',
  },
  'ngrok-metadata': {
    key: 'ngrok.metadata',
    type: 'string',
    value: 'text',
    summary: 'Text for the ngrok dashboard',
  },
  'ngrok-pooling': { key: 'ngrok.pooling', type: 'boolean', summary: 'Share the domain with other agents' },
  'ngrok-no-edge-auth': {
    key: 'ngrok.edgeAuth',
    type: 'boolean',
    summary: 'Only the gateway asks for the access token',
  },
  'ngrok-region': {
    key: 'ngrok.region',
    type: 'string',
    value: 'region',
    summary: 'Where to connect to: us, eu, ap, …',
  },
  'ngrok-server': { key: 'ngrok.server', type: 'string', value: 'host:port', summary: 'A private edge' },
  'ngrok-ca': {
    key: 'ngrok.caFile',
    type: 'string',
    value: 'file',
    summary: 'Certificates (PEM) of a private edge',
  },
} as const satisfies Command['options'];

/**
 * The `ngrok` part of the spec; empty when no option speaks of it.
 *
 * @throws {TunneldError} `USAGE`; a secret typed as it is would be in every list of processes.
 */
export function ngrokSpecOf(args: ParsedArgs): { ngrok?: NonNullable<TunnelSpec['ngrok']> } {
  if (!Object.keys(NGROK_OPTIONS).some((name) => args.given(name))) return {};
  const authtoken = args.text('ngrok-authtoken');
  const basicAuth = args.list('ngrok-basic-auth');
  const passwords = basicAuth.map((pair) => (isReference(pair) ? pair : pair.slice(pair.indexOf(':') + 1)));
  for (const secret of [...(authtoken === undefined ? [] : [authtoken]), ...passwords])
    assertReference(secret);
  const [allow, deny] = [args.list('ngrok-allow'), args.list('ngrok-deny')];
  const ca = args.text('ngrok-ca');
  const texts = {
    authtoken,
    domain: args.text('ngrok-domain'),
    metadata: args.text('ngrok-metadata'),
    region: args.text('ngrok-region'),
    server: args.text('ngrok-server'),
    caFile: ca === undefined ? undefined : resolve(ca),
  };
  const given = Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== undefined));
  return {
    ngrok: {
      ...(given as { [Key in keyof typeof texts]?: string }),
      ...(basicAuth.length === 0 ? {} : { basicAuth: [...basicAuth] }),
      ...(allow.length === 0 ? {} : { allow: [...allow] }),
      ...(deny.length === 0 ? {} : { deny: [...deny] }),
      ...(args.flag('ngrok-pooling') ? { pooling: true } : {}),
      ...(args.flag('ngrok-no-edge-auth') ? { edgeAuth: false } : {}),
    },
  };
}
