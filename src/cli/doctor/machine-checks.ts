import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Paths } from '../../config/paths.ts';
import { reasonOf } from '../../config/private-files.ts';
import type { Config } from '../../config/schema.ts';
import type { DaemonInfo } from '../../control/api.ts';
import { TunneldError } from '../../core/errors.ts';
import { VERSION } from '../../core/version.ts';
import { installedScope } from '../../service/installed.ts';
import type { CliIo } from '../io.ts';
import { bad, type Check, type Outcome, ok, skipped, warn } from './check.ts';
import { isFree } from './is-free.ts';

const OLDEST_NODE = [20, 19] as const;

/** A full set of rotated logs of one tunnel; the state file needs next to nothing (bytes). */
const ENOUGH_BYTES = 52_428_800;
const SCARCE_BYTES = 1_048_576;

export interface MachineFacts {
  readonly io: CliIo;
  readonly paths: Paths;
  readonly config: Config | TunneldError;
  readonly daemon: DaemonInfo | TunneldError;
  /** Why the daemon did not say which tunnels it has. */
  readonly silence?: TunneldError;
}

/** What every tunnel stands on, causes first. */
export function machineChecks(facts: MachineFacts): readonly Check[] {
  return [
    {
      id: 'node',
      about: 'The Node.js that runs this command, and with it the daemon.',
      run: async () => nodeVersion(process.versions.node),
    },
    { id: 'config', about: 'The config file, read as the daemon reads it.', run: async () => config(facts) },
    {
      id: 'folders',
      about: 'State, logs and socket live in folders of yours that nobody else may open.',
      run: async () => folders(facts.paths),
    },
    { id: 'disk', about: 'Space for state and logs.', run: () => disk(facts.paths) },
    {
      id: 'ports',
      about: 'The ports of the embedded relay and of the health checks.',
      run: () => ports(facts),
    },
    {
      id: 'service',
      about: 'The service manager, where tunneld is installed in it.',
      run: () => service(facts),
    },
    {
      id: 'daemon',
      about: 'The daemon answers, and is of the version of this command.',
      run: () => daemon(facts),
    },
  ];
}

export function nodeVersion(version: string): Outcome {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [needMajor, needMinor] = OLDEST_NODE;
  const fine = major > needMajor || (major === needMajor && minor >= needMinor);
  const remedy = `Install Node.js ${OLDEST_NODE.join('.')} or newer.`;
  return fine ? ok(`v${version}`) : bad(`v${version} is too old`, remedy);
}

function config({ config: found, paths, daemon: info }: MachineFacts): Outcome {
  if (found instanceof TunneldError) return bad(found.message, found.remedy);
  const error = 'pid' in info ? info.configError : undefined;
  if (error !== undefined) return bad(`the daemon did not apply it: ${error.message}`, error.remedy);
  const count = Object.keys(found.tunnels).length;
  return ok(
    existsSync(paths.configFile) ? `${paths.configFile}: ${count} tunnels` : 'none: the defaults apply',
  );
}

function folders({ stateDir, logDir, runtimeDir }: Paths): Outcome {
  for (const folder of [stateDir, logDir, runtimeDir]) {
    const found = statSync(folder, { throwIfNoEntry: false });
    if (found?.isDirectory() === false) {
      return bad(`${folder} is not a folder`, 'Move away what is in its place.');
    }
    const place = found === undefined ? nearest(folder) : folder;
    try {
      accessSync(place, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (cause) {
      return bad(
        `${place} cannot be used: ${reasonOf(cause)}`,
        'Make it writable by you, on a file system that is.',
      );
    }
    if (found === undefined) continue;
    const self = process.getuid?.();
    if (self !== undefined && found.uid !== self && self !== 0) {
      return bad(
        `${folder} belongs to uid ${found.uid}, and you are ${self}`,
        'Choose a folder of your own.',
      );
    }
    if ((found.mode & 0o077) !== 0) {
      return warn(`${folder} is open to others`, `The daemon closes it when it starts: chmod 700 ${folder}`);
    }
  }
  return ok(stateDir);
}

async function disk({ stateDir, logDir }: Paths): Promise<Outcome> {
  const seen: string[] = [];
  for (const folder of new Set([stateDir, logDir].map(nearest))) {
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    if (free < SCARCE_BYTES) return bad(`${megabytes(free)} free at ${folder}`, 'Free space on that disk.');
    if (free < ENOUGH_BYTES)
      return warn(`${megabytes(free)} free at ${folder}`, 'Free space on that disk soon.');
    seen.push(`${megabytes(free)} free at ${folder}`);
  }
  return ok(seen.join(', '));
}

async function ports({ config: found, daemon: info }: MachineFacts): Promise<Outcome> {
  if ('pid' in info) {
    const answer = await fetch(`${info.healthUrl}/healthz`, { signal: AbortSignal.timeout(3_000) });
    const { pid } = (await answer.json()) as { pid?: unknown };
    if (pid === info.pid) return ok(`relay at ${info.relayUrl}, health at ${info.healthUrl}`);
    return bad(`${info.healthUrl} is answered by another program`, 'Restart the daemon.');
  }
  if (info.code === 'DAEMON_SILENT') return skipped('the daemon that does not answer may have them');
  if (found instanceof TunneldError) return skipped('the configuration does not say which');
  const wanted = [
    ['relayPort', 'TUNNELD_DAEMON_RELAY_PORT', found.daemon.relayPort],
    ['healthPort', 'TUNNELD_HEALTH_PORT', found.daemon.healthPort],
  ] as const;
  for (const [key, variable, port] of wanted) {
    if (await isFree(port)) continue;
    const remedy = `Stop that program, or set daemon.${key} (or ${variable}) to another port.`;
    return bad(`port ${port} (daemon.${key}) is taken by another program`, remedy);
  }
  return ok(`${wanted.map(([, , port]) => port).join(' and ')} are free`);
}

async function service({ io, paths, daemon: info }: MachineFacts): Promise<Outcome> {
  const scope = installedScope(paths, io.env);
  if (scope === undefined) return skipped('not installed as a service');
  const { createServiceManager } = await import('../../service/create.ts');
  const manager = createServiceManager({ scope, env: io.env, program: io.daemonProgram });
  const { running, state, detail, pid } = await manager.status();
  const node = /^ExecStart="([^"]+)"/m.exec(readFileSync(manager.file, 'utf8'))?.[1]?.replaceAll('%%', '%');
  if (node !== undefined && !existsSync(node)) {
    const remedy = 'Run `tunneld service install` again: it puts the Node of this command into the unit.';
    return bad(`${manager.file} runs ${node}, which is gone`, remedy);
  }
  if (!running) return bad(`${manager.file}: ${state}`, 'Start it with `tunneld service start`.');
  if ('pid' in info && pid !== undefined && info.pid !== pid) {
    const remedy =
      'Stop the one that was started by hand: `tunneld daemon stop`, then `tunneld service start`.';
    return bad(`it runs pid ${pid}, and pid ${info.pid} answers on the socket`, remedy);
  }
  return ok([state, detail].filter((text) => text !== undefined).join(', '));
}

async function daemon({ daemon: info, silence, paths }: MachineFacts): Promise<Outcome> {
  if (info instanceof TunneldError) {
    const stale = info.code === 'DAEMON_UNREACHABLE' && existsSync(paths.socket);
    const detail = stale ? `${info.message}; the socket is left over from one that was killed` : info.message;
    return bad(detail, info.remedy);
  }
  if (info.version !== VERSION) {
    const remedy = 'Restart it: `tunneld daemon stop`, then `tunneld daemon start`.';
    return bad(`the daemon (pid ${info.pid}) is version ${info.version}, this command ${VERSION}`, remedy);
  }
  if (silence !== undefined) return bad(silence.message, silence.remedy);
  const [alert] = info.alerts ?? [];
  // What stands in the way of the config file has a check of its own.
  if (alert !== undefined && info.configError === undefined) {
    return warn(
      info.alerts?.join('; ') ?? alert,
      'Look at what is named; `tunneld daemon status` says in which folders.',
    );
  }
  return ok(`version ${info.version}, pid ${info.pid}, since ${info.startedAt}`);
}

/** The folder itself, or the nearest one above it that exists. */
function nearest(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearest(dirname(folder));
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1_048_576)} MB`;
}
