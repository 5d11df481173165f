import { resolve } from 'node:path';
import type { ProviderKind } from '../kind.ts';

/** The options of `up`; the config file has the rest of the keys. */
export const ngrokCommandOptions = {
  'ngrok-authtoken': {
    type: 'string',
    value: 'ref',
    key: 'authtoken',
    summary: 'ngrok authtoken: env:NAME or file:PATH; default: env:NGROK_AUTHTOKEN',
  },
  'ngrok-domain': { type: 'string', value: 'host', key: 'domain', summary: 'A domain of the account' },
  'ngrok-basic-auth': {
    type: 'string',
    value: 'ref',
    multiple: true,
    key: 'basicAuth',
    summary: 'User and password for the edge: env:NAME, or user:env:NAME',
  },
  'ngrok-allow': {
    type: 'string',
    value: 'cidr',
    multiple: true,
    key: 'allow',
    summary: 'Let only this network connect',
  },
  'ngrok-deny': {
    type: 'string',
    value: 'cidr',
    multiple: true,
    key: 'deny',
    summary: 'Do not let this network connect',
  },
  'ngrok-metadata': {
    type: 'string',
    value: 'text',
    key: 'metadata',
    summary: 'Text for the ngrok dashboard',
  },
  'ngrok-pooling': { type: 'boolean', key: 'pooling', summary: 'Share the domain with other agents' },
  'ngrok-no-edge-auth': {
    type: 'boolean',
    key: 'edgeAuth',
    sets: false,
    summary: 'Only the gateway asks for the access token',
  },
  'ngrok-region': {
    type: 'string',
    value: 'region',
    key: 'region',
    summary: 'Where to connect to: us, eu, ap, …',
  },
  'ngrok-server': { type: 'string', value: 'host:port', key: 'server', summary: 'A private edge' },
  'ngrok-ca': {
    type: 'string',
    value: 'file',
    key: 'caFile',
    // The daemon runs in another folder.
    read: (file) => ({ caFile: resolve(file) }),
    summary: 'Certificates (PEM) of a private edge',
  },
} as const satisfies ProviderKind['options'];
