import { resolvePaths } from '../config/paths.ts';
import { systemClock } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import { serviceNotifier } from '../core/service-notifier.ts';
import { asExpected } from '../core/system-failure.ts';
import { VERSION } from '../core/version.ts';
import { announceFailure, announceReady, announceStep } from './announce.ts';
import { daemonOptions } from './options.ts';
import { serviceStatus } from './service-status.ts';
import { standardOutput } from './standard-output.ts';
import { type RunningDaemon, startDaemon } from './start-daemon.ts';

/** sysexits' EX_CONFIG: service managers are told not to start us again after it. */
const EXIT_CONFIG = 78;

/** What a shell reports for a program ended by SIGINT. */
const EXIT_INTERRUPTED = 130;

/** The last words of a crash get this long to reach the disk (milliseconds). */
const LAST_WORDS_MS = 1_000;

// Whatever is created from here on is this user's alone.
process.umask(0o077);

const { config, readyFd, logged } = daemonOptions();
const notifier = serviceNotifier(process.env, systemClock);
const env = config === undefined ? process.env : { ...process.env, TUNNELD_CONFIG: config };

let running: RunningDaemon | undefined;
let stopping = false;

process.on('uncaughtException', (error) => crash(error));
process.on('unhandledRejection', (error) => crash(error));
onSignal('SIGTERM', () => stop('SIGTERM'));
onSignal('SIGINT', () => stop('SIGINT'));
onSignal('SIGHUP', () => {
  if (stopping) return;
  running?.log.info({}, 'config reload asked for');
  const reload = async () => await running?.daemon.reload({ final: true });
  void (notifier === undefined ? reload() : notifier.reloading(reload));
});

try {
  const paths = resolvePaths(env);
  running = await startDaemon({
    paths,
    env,
    clock: systemClock,
    random: Math.random,
    ...(logged ? { logCopy: standardOutput() } : {}),
    onStep: (doing) => announceStep(readyFd, doing),
    // Unlike a second signal, a second command that asks does not cut the drain short.
    onStop: () => {
      if (!stopping) stop('control');
    },
  });
  const { daemon } = running;
  notifier?.ready({
    status: () => serviceStatus(daemon.list()),
    subscribe: (listener) => daemon.subscribe(listener),
  });
  // Where the log is printed, it says so in a line of its own form.
  if (readyFd !== undefined || !logged) announceReady(readyFd, { version: VERSION, socket: paths.socket });
} catch (error) {
  notStarted(error);
}

/**
 * Ours alone: a package below the state file (when-exit) listens too, and sends the process the same
 * signal again when it comes, which would count as the second one and cut the drain short.
 */
function onSignal(signal: NodeJS.Signals, handle: () => void): void {
  process.removeAllListeners(signal);
  process.on(signal, handle);
}

/** Drains and ends. Asked for a second time, ends at once. */
function stop(by: string): void {
  if (stopping || running === undefined) process.exit(EXIT_INTERRUPTED);
  stopping = true;
  running.log.info({ by }, 'daemon asked to stop');
  notifier?.stopping(running.drainMs);
  running.close().then(
    () => process.exit(0),
    (error: unknown) => crash(error),
  );
}

function notStarted(error: unknown): never {
  const expected = asExpected(error);
  announceFailure(readyFd, expected);
  process.exit(exitCodeOf(expected));
}

/** A bug: nothing can be relied on any more. The service manager, or the next `up`, starts anew. */
function crash(error: unknown): void {
  if (running === undefined && asExpected(error) instanceof TunneldError) notStarted(error);
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`tunneld: unexpected failure, ending\n${stack}\n`);
  running?.log.fatal({ err: error }, 'unexpected failure, ending');
  setTimeout(() => process.exit(1), running === undefined ? 0 : LAST_WORDS_MS);
}

function exitCodeOf(error: unknown): number {
  if (!(error instanceof TunneldError)) return 1;
  return error.code === 'CONFIG_INVALID' ? EXIT_CONFIG : error.exitCode;
}
