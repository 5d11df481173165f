import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { TunneldError } from '../../core/errors.ts';
import { currentDockerContext, readDockerContext, type TlsMaterial } from './docker-context.ts';
import './errors.ts';

export type EngineAddress = { readonly source: string } & (
  | { readonly kind: 'socket'; readonly path: string }
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      readonly tls: TlsMaterial | undefined;
    }
  | {
      readonly kind: 'ssh';
      readonly host: string;
      readonly user: string | undefined;
      readonly port: number | undefined;
    }
);

export interface EngineSearch {
  readonly dockerHost?: string | undefined;
  readonly dockerContext?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  readonly platform: NodeJS.Platform;
}

/**
 * Finds the engine as the Docker CLI does: what was asked for, `DOCKER_HOST`, `DOCKER_CONTEXT`, the
 * current context, the default socket; then the sockets of Docker Desktop, rootless Docker and
 * Podman, which the CLI leaves to a context.
 *
 * @throws {TunneldError} `ENGINE_ADDRESS_INVALID`
 * @see https://docs.docker.com/engine/manage-resources/contexts/
 */
export async function findEngine(search: EngineSearch): Promise<EngineAddress> {
  const { env } = search;
  if (search.dockerHost !== undefined) return parseEngineUrl(search.dockerHost, 'pinggy.dockerHost');
  if (search.dockerContext !== undefined)
    return await fromContext(search.dockerContext, 'pinggy.dockerContext', search);
  const host = env['DOCKER_HOST'];
  if (host) return parseEngineUrl(host, 'DOCKER_HOST', envTls(search));
  const named = env['DOCKER_CONTEXT'];
  if (named) return await fromContext(named, 'DOCKER_CONTEXT', search);
  const current = await currentDockerContext(configFolder(search));
  if (current !== undefined) return await fromContext(current, 'current Docker context', search);
  return await firstSocket(search);
}

/** For messages: where the engine is and who said so. */
export function describeAddress(address: EngineAddress): string {
  switch (address.kind) {
    case 'socket':
      return `${address.path} (${address.source})`;
    case 'tcp':
      return `tcp://${address.host}:${address.port} (${address.source})`;
    case 'ssh':
      return `ssh://${address.host} (${address.source})`;
  }
}

async function fromContext(name: string, source: string, search: EngineSearch): Promise<EngineAddress> {
  const label = `${source} "${name}"`;
  if (name === 'default') return await firstSocket(search);
  const context = await readDockerContext(configFolder(search), name);
  if (context === undefined) {
    throw new TunneldError('ENGINE_ADDRESS_INVALID', `The ${label} does not exist.`, {
      remedy: 'Run `docker context ls`, then use one of its names.',
    });
  }
  return parseEngineUrl(context.host, label, context.tls);
}

function parseEngineUrl(text: string, source: string, tls?: TlsMaterial): EngineAddress {
  const url = URL.parse(text.includes('://') ? text : `tcp://${text}`);
  switch (url?.protocol) {
    case 'unix:':
      return { kind: 'socket', path: text.slice('unix://'.length) || STANDARD_SOCKET, source };
    case 'tcp:':
    case 'http:':
    case 'https:': {
      const secure = tls ?? (url.protocol === 'https:' ? NO_MATERIAL : undefined);
      const port = url.port === '' ? (secure === undefined ? 2375 : 2376) : Number(url.port);
      return { kind: 'tcp', host: bare(url.hostname), port, tls: secure, source };
    }
    case 'ssh:':
      return {
        kind: 'ssh',
        host: bare(url.hostname),
        user: url.username === '' ? undefined : decodeURIComponent(url.username),
        port: url.port === '' ? undefined : Number(url.port),
        source,
      };
    default:
      throw new TunneldError('ENGINE_ADDRESS_INVALID', `"${text}" (${source}) is not an engine address.`);
  }
}

const STANDARD_SOCKET = '/var/run/docker.sock';

const NO_MATERIAL: TlsMaterial = { ca: undefined, cert: undefined, key: undefined, verify: true };

/** The CLI's variables: any value of `DOCKER_TLS_VERIFY` turns TLS on, the empty one does not. */
function envTls(search: EngineSearch): TlsMaterial | undefined {
  const verify = Boolean(search.env['DOCKER_TLS_VERIFY']);
  if (!verify && !search.env['DOCKER_TLS']) return undefined;
  const folder = search.env['DOCKER_CERT_PATH'] || configFolder(search);
  return { ca: join(folder, 'ca.pem'), cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem'), verify };
}

async function firstSocket(search: EngineSearch): Promise<EngineAddress> {
  const runtime = search.env['XDG_RUNTIME_DIR'];
  const candidates = [
    STANDARD_SOCKET,
    join(search.home, '.docker/run/docker.sock'),
    join(search.home, '.docker/desktop/docker.sock'),
    ...(runtime ? [join(runtime, 'docker.sock'), join(runtime, 'podman/podman.sock')] : []),
    '/run/podman/podman.sock',
  ];
  for (const path of candidates) {
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return { kind: 'socket', path, source: 'default' };
  }
  return { kind: 'socket', path: STANDARD_SOCKET, source: 'default' };
}

function configFolder(search: EngineSearch): string {
  return search.env['DOCKER_CONFIG'] || join(search.home, '.docker');
}

/** `[::1]` is written with brackets in a URL and without in a connect call. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
