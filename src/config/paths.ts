import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { TunneldError } from '../core/errors.ts';

/**
 * Where everything lives. Loaded by every command: nothing but Node's own modules in here.
 *
 * Linux follows the XDG folders, macOS Application Support and Logs; `TUNNELD_CONFIG`,
 * `TUNNELD_STATE_DIR`, `TUNNELD_RUNTIME_DIR` and `TUNNELD_LOG_DIR` override.
 */
export interface Paths {
  readonly configFile: string;
  /** The user named the config file: it has to exist. */
  readonly configRequired: boolean;
  readonly stateDir: string;
  /** Holds the control socket. */
  readonly runtimeDir: string;
  readonly logDir: string;
  readonly socket: string;
  readonly stateFile: string;
  /**
   * In the state folder, not beside the socket: the runtime folder can differ between a login
   * session and a cron job of the same user, and both must meet the same daemon.
   */
  readonly lockFile: string;
  /** Holds the lock while the disk of the state folder is full or read-only. */
  readonly lockFallback: string;
  /** Where the socket is while the runtime folder cannot be had, as after a logout. */
  readonly socketFallback: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** @throws {TunneldError} `SOCKET_UNUSABLE` when the socket's path is too long for the system. */
export function resolvePaths(
  env: Environment,
  platform: NodeJS.Platform = process.platform,
  home?: string,
): Paths {
  // Asked for only where nothing else says the folder: a user without an entry in passwd has none.
  const homeFolder = () => home ?? (env['HOME'] || homedir());
  const defaults = platform === 'darwin' ? macFolders(homeFolder) : xdgFolders(env, homeFolder);
  const stateDir = chosen(env['TUNNELD_STATE_DIR']) ?? defaults.state();
  const runtimeDir = chosen(env['TUNNELD_RUNTIME_DIR']) ?? defaults.runtime ?? join(stateDir, 'run');
  const configFile = chosen(env['TUNNELD_CONFIG']);
  const socket = join(runtimeDir, 'tunneld.sock');
  assertSocketPath(socket, platform);
  return {
    configFile: configFile ?? join(defaults.config(), 'tunneld.yaml'),
    configRequired: configFile !== undefined,
    stateDir,
    runtimeDir,
    logDir: chosen(env['TUNNELD_LOG_DIR']) ?? defaults.logs?.() ?? join(stateDir, 'logs'),
    socket,
    stateFile: join(stateDir, 'state.json'),
    lockFile: join(stateDir, 'daemon.lock'),
    lockFallback: join(runtimeDir, 'daemon.lock'),
    socketFallback: join(stateDir, 'run', 'tunneld.sock'),
  };
}

/** The variables that make another process resolve the same paths, wherever it runs. */
export function pathVariables(paths: Paths): Record<string, string> {
  return {
    ...(paths.configRequired ? { TUNNELD_CONFIG: paths.configFile } : {}),
    TUNNELD_STATE_DIR: paths.stateDir,
    TUNNELD_RUNTIME_DIR: paths.runtimeDir,
    TUNNELD_LOG_DIR: paths.logDir,
  };
}

interface Folders {
  config(): string;
  state(): string;
  /** Absent: inside the state folder. */
  readonly runtime?: string;
  logs?(): string;
}

function xdgFolders(env: Environment, home: () => string): Folders {
  const runtime = absolute(env['XDG_RUNTIME_DIR']);
  return {
    config: () => join(absolute(env['XDG_CONFIG_HOME']) ?? join(home(), '.config'), 'tunneld'),
    state: () => join(absolute(env['XDG_STATE_HOME']) ?? join(home(), '.local', 'state'), 'tunneld'),
    ...(runtime === undefined ? {} : { runtime: join(runtime, 'tunneld') }),
  };
}

function macFolders(home: () => string): Folders {
  const support = () => join(home(), 'Library', 'Application Support', 'tunneld');
  return { config: support, state: support, logs: () => join(home(), 'Library', 'Logs', 'tunneld') };
}

/** The XDG specification says to ignore a relative path. */
function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined;
}

function chosen(path: string | undefined): string | undefined {
  return path === undefined || path === '' ? undefined : resolve(path);
}

/** `sun_path` is 108 bytes on Linux and 104 on macOS, the ending zero byte included. */
function assertSocketPath(socket: string, platform: NodeJS.Platform): void {
  const limit = platform === 'darwin' ? 103 : 107;
  const length = Buffer.byteLength(socket);
  if (length <= limit) return;
  throw new TunneldError(
    'SOCKET_UNUSABLE',
    `The path of the control socket is ${length} bytes long, and the system allows ${limit}: ${socket}`,
    { remedy: 'Choose a shorter folder with TUNNELD_RUNTIME_DIR.' },
  );
}
