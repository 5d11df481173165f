import type { DaemonInfo } from '../control/api.ts';
import { sleep } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import { presenceOf, startTimeOf } from '../core/process-identity.ts';
import { installedScope } from '../service/installed.ts';
import type { DaemonClient } from './daemon-client.ts';
import { startDaemon } from './daemon-process.ts';
import type { CliIo, Progress } from './io.ts';

/** A daemon that another command just started gets this long to open its socket (milliseconds). */
const RIVAL_READY_MS = 10_000;
/** One that is ending has at most `daemon.drainTimeout` (10 min) for it, and a little for the rest (milliseconds). */
const ENDING_MS = 620_000;
const RETRY_MS = 50;
const SERVICE_SILENT = 'The service manager started the daemon, which does not answer';

export interface Connection {
  readonly client: DaemonClient;
  /** This call started the daemon. */
  readonly started: boolean;
}

/**
 * A client of the running daemon; starts one when none runs, unless `TUNNELD_NO_AUTOSTART=1`. Where
 * tunneld is installed as a service, the service manager starts it. One that is ending is waited for:
 * it takes no changes any more, and its successor is what was asked for.
 *
 * Two commands may do so at once: the daemon's own lock decides, and the loser uses the winner's.
 *
 * @throws {TunneldError} `DAEMON_UNREACHABLE`, `DAEMON_SILENT`, `PROTOCOL_MISMATCH`, and all of `startDaemon`
 */
export async function connectOrStart(io: CliIo): Promise<Connection> {
  const client = await io.daemon();
  const ending = await runningDaemon(client);
  if (ending !== undefined && ending.stopping !== true) return { client, started: false };
  if (io.env['TUNNELD_NO_AUTOSTART'] === '1') {
    throw new TunneldError('DAEMON_UNREACHABLE', `No daemon answers at ${io.paths().socket}`, {
      remedy:
        'Start it with `tunneld daemon start`: TUNNELD_NO_AUTOSTART=1 keeps this command from doing so.',
    });
  }
  const progress = await io.progress('Starting the daemon');
  try {
    if (ending !== undefined) await untilEnded(ending, progress, io);
    progress.update('Starting the daemon');
    if (await startThroughService(io)) {
      await waitUntilAnswers(client, io, new TunneldError('DAEMON_START_FAILED', SERVICE_SILENT));
      return { client, started: true };
    }
    const onStep = (doing: string) => progress.update(`Starting the daemon: ${doing}`);
    await startDaemon(io.daemonProgram, io.paths(), io.env, io.clock, onStep);
    return { client, started: true };
  } catch (error) {
    if (!(error instanceof TunneldError) || error.code !== 'DAEMON_ALREADY_RUNNING') throw error;
    await waitUntilAnswers(client, io, error);
    return { client, started: false };
  } finally {
    progress.done();
  }
}

/** The daemon that is there, if any. @throws {TunneldError} when one is, but cannot be talked to */
async function runningDaemon(client: DaemonClient): Promise<DaemonInfo | undefined> {
  try {
    return await client.info();
  } catch (error) {
    if (error instanceof TunneldError && error.code === 'DAEMON_UNREACHABLE') return undefined;
    throw error;
  }
}

async function untilEnded({ pid }: DaemonInfo, progress: Progress, io: CliIo): Promise<void> {
  const ending = { pid, startTime: startTimeOf(pid) ?? 'unknown' };
  progress.update(`Waiting for the last daemon (pid ${pid}) to finish`);
  const deadline = io.clock.monotonic() + ENDING_MS;
  while (presenceOf(ending) !== 'gone') {
    if (io.clock.monotonic() >= deadline) {
      throw new TunneldError(
        'DAEMON_STOPPING',
        `The daemon (pid ${pid}) was asked to stop, and does not end`,
        {
          remedy: `\`kill ${pid}\` ends it without waiting for requests in flight.`,
        },
      );
    }
    await sleep(io.clock, RETRY_MS);
  }
}

/** A daemon beside the one the service manager would start would keep it from ever starting. */
async function startThroughService(io: CliIo): Promise<boolean> {
  const scope = installedScope(io.paths(), io.env);
  if (scope === undefined) return false;
  const { createServiceManager } = await import('../service/create.ts');
  await createServiceManager({ scope, env: io.env, program: io.daemonProgram }).start();
  return true;
}

async function waitUntilAnswers(client: DaemonClient, io: CliIo, refusal: TunneldError): Promise<void> {
  const deadline = io.clock.monotonic() + RIVAL_READY_MS;
  while ((await runningDaemon(client)) === undefined) {
    if (io.clock.monotonic() >= deadline) throw refusal;
    await sleep(io.clock, RETRY_MS);
  }
}
