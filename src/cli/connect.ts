import { sleep } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import { installedScope } from '../service/installed.ts';
import type { DaemonClient } from './daemon-client.ts';
import { startDaemon } from './daemon-process.ts';
import type { CliIo } from './io.ts';

/** A daemon somebody else just started gets this long to open its socket (milliseconds). */
const RIVAL_READY_MS = 10_000;
const RETRY_MS = 50;
const SERVICE_SILENT = 'The service manager started the daemon, which does not answer';

export interface Connection {
  readonly client: DaemonClient;
  /** This call started the daemon. */
  readonly started: boolean;
}

/**
 * A client of the running daemon; starts one when none runs, unless `TUNNELD_NO_AUTOSTART=1`. Where
 * tunneld is installed as a service, the service manager starts it.
 *
 * Two commands may do so at once: the daemon's own lock decides, and the loser uses the winner's.
 *
 * @throws {TunneldError} `DAEMON_UNREACHABLE`, `PROTOCOL_MISMATCH`, and all of `startDaemon`
 */
export async function connectOrStart(io: CliIo): Promise<Connection> {
  const client = await io.daemon();
  if (await answers(client)) return { client, started: false };
  if (io.env['TUNNELD_NO_AUTOSTART'] === '1') {
    throw new TunneldError('DAEMON_UNREACHABLE', `No daemon answers at ${io.paths().socket}`, {
      remedy:
        'Start it with `tunneld daemon start`: TUNNELD_NO_AUTOSTART=1 keeps this command from doing so.',
    });
  }
  const progress = await io.progress('Starting the daemon');
  try {
    if (await startThroughService(io)) {
      await waitUntilAnswers(client, io, new TunneldError('DAEMON_START_FAILED', SERVICE_SILENT));
      return { client, started: true };
    }
    await startDaemon(io.daemonProgram, io.paths(), io.env, io.clock);
    return { client, started: true };
  } catch (error) {
    if (!(error instanceof TunneldError) || error.code !== 'DAEMON_ALREADY_RUNNING') throw error;
    await waitUntilAnswers(client, io, error);
    return { client, started: false };
  } finally {
    progress.done();
  }
}

/** Whether a daemon is there. @throws {TunneldError} when one is, but cannot be talked to */
async function answers(client: DaemonClient): Promise<boolean> {
  try {
    await client.info();
    return true;
  } catch (error) {
    if (error instanceof TunneldError && error.code === 'DAEMON_UNREACHABLE') return false;
    throw error;
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
  while (!(await answers(client))) {
    if (io.clock.monotonic() >= deadline) throw refusal;
    await sleep(io.clock, RETRY_MS);
  }
}
