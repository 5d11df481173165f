import { type DaemonOwner, livingOwner } from '../../config/daemon-owner.ts';
import { isAbsence } from '../../control/client-errors.ts';
import { sleep } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import { type ProcessIdentity, presenceOf, startTimeOf } from '../../core/process-identity.ts';
import { type Command, ExitCode } from '../command.ts';
import type { CliIo } from '../io.ts';
import { parseDuration } from '../render/duration.ts';

const POLL_MS = 50;
const DEFAULT_WAIT = '60s';
/** Equals no start time: a process whose own is not known either counts as running. */
const UNKNOWN = 'unknown';

export const daemonStop: Command = {
  name: 'daemon stop',
  summary: 'Stop the daemon; what was wanted up comes back with it',
  positionals: [],
  options: {
    wait: {
      type: 'string',
      value: 'duration',
      bareValue: DEFAULT_WAIT,
      summary: `How long to wait until it is gone; default ${DEFAULT_WAIT}`,
    },
  },
  examples: [['tunneld daemon stop', 'Lets exchanges in flight finish (daemon.drainTimeout), then ends.']],
  notes: [
    'Exits with 0 when no daemon runs any more, also when none did, and with 5 when it is still there after the wait. One that does not answer on its socket is found by its lock, and asked by SIGTERM.',
  ],

  async run(args, io) {
    const waitMs = parseDuration('--wait', args.text('wait') ?? DEFAULT_WAIT);
    const told = await tellToStop(io);
    if (told === undefined) {
      io.out('No daemon was running');
      return ExitCode.ok;
    }
    const deadline = io.clock.monotonic() + waitMs;
    const progress = await io.progress('Waiting for the daemon to finish');
    try {
      while (presenceOf(told) !== 'gone') {
        if (io.clock.monotonic() >= deadline) throw stillThere(told, waitMs);
        await sleep(io.clock, POLL_MS);
      }
    } finally {
      progress.done();
    }
    io.out(`The daemon (pid ${told.pid}) has stopped`);
    return ExitCode.ok;
  },
};

interface Told extends ProcessIdentity {
  /** It did not answer, and was sent SIGTERM. */
  readonly bySignal: boolean;
}

/** @returns the daemon that was told, or undefined when none runs */
async function tellToStop(io: CliIo): Promise<Told | undefined> {
  const client = await io.daemon();
  try {
    const { pid } = await client.info();
    const startTime = startTimeOf(pid) ?? UNKNOWN;
    await client.stop();
    return { pid, startTime, bySignal: false };
  } catch (error) {
    if (!(error instanceof TunneldError)) throw error;
    const { lockFile, lockFallback } = io.paths();
    // Its lock names the process that serves, whatever became of its socket.
    const owner = livingOwner(lockFile, lockFallback);
    if (owner !== undefined) return signalled(owner, error, io);
    if (error.code === 'DAEMON_UNREACHABLE' && isAbsence(error.cause)) return undefined;
    throw error;
  }
}

function signalled(owner: DaemonOwner, failure: TunneldError, io: CliIo): Told {
  const { pid } = owner;
  if (presenceOf(owner) === 'unsure') {
    throw new TunneldError('DAEMON_SILENT', `${failure.message}; whether pid ${pid} is it cannot be told`, {
      remedy: `Look at it with \`ps -fp ${pid}\`, and end it with \`kill ${pid}\` if it is.`,
    });
  }
  try {
    process.kill(pid, 'SIGTERM');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') return { ...owner, bySignal: true };
    throw new TunneldError('DAEMON_SILENT', `The daemon (pid ${pid}) is another user's, and still runs`, {
      cause,
      remedy: 'Run the command as the user who started it.',
    });
  }
  io.err(`tunneld: ${failure.message}: it was asked to end by a signal instead`);
  return { ...owner, bySignal: true };
}

function stillThere({ pid, bySignal }: Told, waitMs: number): TunneldError {
  const remedy = bySignal
    ? `It hangs. \`kill -9 ${pid}\` ends it at once, and cuts off the requests in flight.`
    : `It may wait for exchanges in flight. \`kill ${pid}\` ends it without waiting for them.`;
  const what = `The daemon (pid ${pid}) was still running after ${waitMs / 1_000} s`;
  return new TunneldError('WAIT_TIMED_OUT', `${what}; its tunnels are still public`, { remedy });
}
