import { homedir } from 'node:os';
import { join } from 'node:path';
import type { TunnelConfig } from '../config/schema.ts';
import { isReference } from '../config/secret-fields.ts';
import { resolveSecret } from '../config/secrets.ts';
import { upstreamOf } from '../config/upstream.ts';
import type { Keeper, ServerEvents } from '../servers/host/keeper.ts';
import { ProgramServer } from '../servers/host/program-server.ts';
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
  const [program, ...args] = config.command ?? [];
  if (program === undefined) return new HttpServer(upstreamOf(config));
  const given = Object.entries(config.env ?? {}).map(([name, text]) => ({
    name,
    value: resolveSecret(text, env).reveal(),
    secret: isReference(text),
  }));
  return new ProgramServer({
    keeper,
    known,
    events,
    settings: {
      path: upstreamOf(config).path,
      process: config.process ?? 'per-session',
      start: config.start ?? 'at-once',
      idleMs: config.idle === 'off' ? undefined : config.idle,
      processes: config.limits.processes,
      messageBytes: config.limits.messageBytes,
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
  const { command, env, cwd, process, start, idle, limits } = config;
  const program = { env, cwd, process, start, idle, limits: [limits.processes, limits.messageBytes] };
  return [upstreamOf(config), command, command === undefined ? undefined : program];
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
