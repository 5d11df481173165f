import { dirname, join } from 'node:path';
import type { DestinationStream } from 'pino';
import { readConfig } from '../config/load.ts';
import type { Paths } from '../config/paths.ts';
import { prepareFolders, prepareSocketFolder } from '../config/private-files.ts';
import { StateStore } from '../config/state.ts';
import { watchConfig } from '../config/watch.ts';
import { startControlServer } from '../control/server.ts';
import type { Clock } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { Redactor } from '../core/redact.ts';
import { OUT_OF_DESCRIPTORS } from '../core/system-failure.ts';
import { VERSION } from '../core/version.ts';
import type { LoadedProvider, ProviderKind } from '../providers/kind.ts';
import { findKind, kindOf } from '../providers/kinds.ts';
import { Keeper } from '../servers/host/keeper.ts';
import { Daemon } from './daemon.ts';
import { startHealthEndpoint } from './health-endpoint.ts';
import { acquireLock } from './lock.ts';
import { LogBook } from './log-book.ts';
import { isOnline } from './online.ts';
import { removeOrphans } from './orphans.ts';
import { placeOf } from './place.ts';
import { ownOptions, providerInput } from './provider-setup.ts';
import { startEmbeddedRelay } from './relay-embed.ts';
import { detectWake } from './wake-detector.ts';

/** What the gateways finished is still on its way to the callers; it gets this long (milliseconds). */
const LAST_BYTES_MS = 1_000;

export interface StartOptions {
  readonly paths: Paths;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly random: () => number;
  /** Gets every log line too. */
  readonly logCopy?: DestinationStream;
  /** Told what the start is busy with, in words. */
  readonly onStep?: (doing: string) => void;
  /** A command asked for the end through the control socket. */
  readonly onStop: () => void;
}

export interface RunningDaemon {
  readonly daemon: Daemon;
  readonly log: Logger;
  /** How long `close` waits for exchanges in flight (milliseconds). */
  readonly drainMs: number;
  /** Drains (at most `daemon.drainTimeout`), releases everything, removes socket and lock. */
  close(): Promise<void>;
}

/**
 * Puts the daemon together and brings back what is wanted. When it resolves, the control socket
 * answers; sessions are still opening.
 *
 * @throws {TunneldError} what stood in the way; then nothing is left behind.
 */
export async function startDaemon(options: StartOptions): Promise<RunningDaemon> {
  const releases: (() => Promise<void> | void)[] = [];
  try {
    return await assemble(options, releases);
  } catch (error) {
    await releaseAll(releases);
    throw error;
  }
}

async function assemble(
  { paths, env, clock, random, logCopy, onStop, onStep = () => {} }: StartOptions,
  releases: (() => Promise<void> | void)[],
): Promise<RunningDaemon> {
  onStep('preparing its folders');
  const notes = prepareFolders(paths);
  const lock = await acquireLock(paths.lockFile, paths.socket, paths.lockFallback);
  releases.push(() => lock.release());
  const onNote = (note: string) => void notes.push(note);
  onStep('reading its configuration');
  const { config, absent } = readConfig(paths.configFile, {
    optional: !paths.configRequired,
    env,
    onNote,
  });

  const redactor = new Redactor();
  const copy = logCopy === undefined ? {} : { copy: logCopy };
  const logs = new LogBook({ directory: paths.logDir, ...config.daemon.log, redactor, clock, ...copy });
  releases.push(() => logs.close());
  const log = logs.daemon;
  const store = new StateStore(paths.stateFile, { clock });
  notes.push(...store.notes);
  redactor.add(store.relaySecret);
  if (absent !== undefined) notes.push(...lostWithTheFile(paths.configFile, absent, store));

  onStep('opening its ports');
  const relay = await startEmbeddedRelay({
    port: config.daemon.relayPort,
    secret: store.relaySecret,
    clock,
    log,
  });
  releases.push(() => relay.drain(LAST_BYTES_MS));
  const keeper = new Keeper({ folder: join(paths.runtimeDir, 'srv'), clock, random, log });
  keeper.removeLeftovers();
  releases.push(() => keeper.close());
  let healthUrl = new URL(`http://127.0.0.1:${config.daemon.healthPort}`);
  const place = placeOf(paths.stateDir);
  const daemon = new Daemon({
    paths,
    place,
    env,
    store,
    config,
    logs,
    redactor,
    clock,
    random,
    notes,
    relayUrl: relay.url,
    healthUrl: () => healthUrl,
    provider: async (config) => {
      const kind = kindOf(config.provider);
      const { create } = await load(kind);
      const provider = create({
        ...providerInput(kind, config, env),
        clock,
        env,
        embeddedRelay: { url: relay.url, secret: store.relaySecret },
        onSecret: (secret) => redactor.add(secret),
      });
      const checksTokens = kind.edge.checksTokens(ownOptions(kind.name, config));
      return { provider, way: kind.way, checksTokens };
    },
    prepare: (config) => void load(kindOf(config.provider)).catch(() => {}),
    online: (config) => {
      const kind = findKind(config.provider);
      return kind?.needsNetwork(ownOptions(kind.name, config)) === false || isOnline();
    },
    keeper,
    onStop,
  });
  const health = await startHealthEndpoint({
    port: config.daemon.healthPort,
    source: daemon,
  });
  releases.push(() => health.close());
  healthUrl = health.url;

  let control: Awaited<ReturnType<typeof startControlServer>> | undefined;
  releases.push(() => control?.close());
  // Before the socket goes: commands are told that it drains.
  releases.push(() => daemon.close(config.daemon.drainTimeout));
  onStep('bringing its tunnels back');
  await daemon.start();
  void removeOrphans({ store, place, env, log, tunnels: () => daemon.list() }).catch((error: unknown) => {
    log.error({ err: error }, 'looking for what was left behind failed');
  });
  onStep('opening its control socket');
  control = await startControlServer({
    socket: paths.socket,
    fallback: paths.socketFallback,
    prepare: (socket) => prepareSocketFolder(dirname(socket)),
    onMoved: (socket) => {
      daemon.servedAt(socket);
      lock.serving(socket);
    },
    clock,
    api: daemon,
    version: VERSION,
    log,
    stopping: () => daemon.stopping,
    alerts: () => daemon.alerts,
  });
  lock.serving(paths.socket);
  const watch = watchConfig(paths.configFile, () => void daemon.reload(), { clock });
  releases.push(() => watch.close());
  const wake = detectWake(clock, (lostMs) => {
    log.info({ lostMs: Math.round(lostMs) }, 'the machine slept, or its clock was set');
    daemon.wake('the machine slept, or its clock was set');
  });
  releases.push(() => wake.stop());

  for (const alert of daemon.alerts) log.warn({ note: alert }, 'something to know');
  for (const note of notes) log.warn({ note }, 'something to know');
  log.info(
    { pid: process.pid, version: VERSION, node: process.version, socket: paths.socket },
    'daemon started',
  );
  return {
    daemon,
    log,
    drainMs: config.daemon.drainTimeout,
    async close() {
      log.info({}, 'daemon stopping');
      await releaseAll(releases);
    },
  };
}

/** @throws {TunneldError} `SYSTEM_REFUSED` */
async function load(kind: ProviderKind): Promise<LoadedProvider<unknown>> {
  return await kind.load().catch((cause: unknown) => {
    if (!OUT_OF_DESCRIPTORS.has((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
    // Node never opens again a module that it could not open.
    throw new TunneldError('SYSTEM_REFUSED', `The provider "${kind.name}" could not be loaded: ${cause}`, {
      cause,
      remedy:
        'Raise the limit of open files (`ulimit -n 1024`, or `LimitNOFILE=` of the service), then run `tunneld daemon restart`.',
    });
  });
}

/** Without its file nothing of a tunnel is known but its name and its token. */
function lostWithTheFile(file: string, absent: 'missing' | 'blank', store: StateStore): readonly string[] {
  const names = [...store.tunnels].filter(([, { source }]) => source === 'file').map(([name]) => name);
  if (names.length === 0) return [];
  return [`${file} is ${absent}: the tunnels it had are not there: ${names.join(', ')}`];
}

/** In reverse order; one that fails does not keep the others from being released. */
async function releaseAll(releases: (() => Promise<void> | void)[]): Promise<void> {
  for (const release of releases.splice(0).reverse()) {
    try {
      await release();
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error));
    }
  }
}
