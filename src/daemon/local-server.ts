import { homedir } from 'node:os';
import { join } from 'node:path';
import type { TunnelConfig } from '../config/schema.ts';
import { isReference } from '../config/secret-fields.ts';
import { resolveSecret } from '../config/secrets.ts';
import { isLiteralSecret } from '../config/server-keys.ts';
import { upstreamOf } from '../config/upstream.ts';
import { BridgedServer } from '../servers/host/bridged-server.ts';
import type { Keeper, ServerEvents } from '../servers/host/keeper.ts';
import { HttpServer } from '../servers/http/http-server.ts';
import type { LocalServer, Shown } from '../servers/server.ts';

export interface LocalServerDeps {
  readonly env: NodeJS.ProcessEnv;
  readonly keeper: Keeper;
  readonly known: Shown | undefined;
  readonly events: ServerEvents;
}

/**
 * The server that a tunnel's configuration means.
 *
 * @throws {TunneldError} `SECRET_UNAVAILABLE`
 */
export function localServer(
  config: TunnelConfig,
  { env, keeper, known, events }: LocalServerDeps,
): LocalServer {
  const upstream = upstreamOf(config);
  const { processes, messageBytes } = config.limits;
  const bridge = { keeper, events, secrets: [] };
  if (config.sse !== undefined) {
    const settings = {
      path: upstream.path,
      process: 'per-session',
      start: 'on-demand',
      idleMs: undefined,
      processes,
      messageBytes,
    } as const;
    const target = { kind: 'sse', url: config.sse, hostHeader: upstream.hostHeader } as const;
    // It speaks HTTP+SSE: of the newer revisions it knows nothing.
    return new BridgedServer({ ...bridge, settings, target, known: { era: 'legacy' }, probed: upstream });
  }
  const [program, ...args] = config.command ?? [];
  if (program === undefined) return new HttpServer(upstream);
  const given = Object.entries(config.env ?? {}).map(([name, text]) => ({
    name,
    value: resolveSecret(text, env).reveal(),
    secret: isReference(text) || isLiteralSecret(name, text),
  }));
  return new BridgedServer({
    ...bridge,
    known,
    settings: {
      path: upstream.path,
      process: config.process ?? 'per-session',
      start: config.start ?? 'at-once',
      idleMs: config.idle === 'off' ? undefined : config.idle,
      processes,
      messageBytes,
    },
    target: {
      kind: 'stdio',
      command: [program, ...args],
      env: { ...ownVariables(env), ...Object.fromEntries(given.map(({ name, value }) => [name, value])) },
      cwd: folderOf(config.cwd, env),
    },
    secrets: given.filter(({ secret }) => secret).map(({ value }) => value),
  });
}

/** Whatever of the configuration makes it another server. */
export function serverFacts(config: TunnelConfig): unknown {
  const { command, sse, env, cwd, process, start, idle, limits } = config;
  const bridged = { env, cwd, process, start, idle, limits: [limits.processes, limits.messageBytes] };
  return [upstreamOf(config), command, sse, command === undefined && sse === undefined ? undefined : bridged];
}

/** All that a program gets of the daemon's own environment. */
function ownVariables(env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const entries = ['PATH', 'HOME', 'LANG'].map((name) => [name, env[name]] as const);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function folderOf(cwd: string | undefined, env: NodeJS.ProcessEnv): string {
  const home = env['HOME'] || homedir();
  if (cwd === undefined) return home;
  return /^~(?:\/|$)/.test(cwd) ? join(home, cwd.slice(1)) : cwd;
}
