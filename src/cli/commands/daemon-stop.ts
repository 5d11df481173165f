import { sleep } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import { type Command, ExitCode } from '../command.ts';
import type { CliIo } from '../io.ts';
import { isRunning } from '../is-running.ts';
import { parseDuration } from '../render/duration.ts';

const POLL_MS = 50;
const DEFAULT_WAIT = '60s';

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
    'Exits with 0 when no daemon runs any more, also when none did, and with 5 when it is still there after the wait.',
  ],

  async run(args, io) {
    const waitMs = parseDuration('--wait', args.text('wait') ?? DEFAULT_WAIT);
    const pid = await tellToStop(io);
    if (pid === undefined) {
      io.out('No daemon was running');
      return ExitCode.ok;
    }
    const deadline = io.clock.monotonic() + waitMs;
    const progress = await io.progress('Waiting for the daemon to finish');
    try {
      while (await isRunning(pid)) {
        if (io.clock.monotonic() >= deadline) throw stillThere(pid, waitMs);
        await sleep(io.clock, POLL_MS);
      }
    } finally {
      progress.done();
    }
    io.out(`The daemon (pid ${pid}) has stopped`);
    return ExitCode.ok;
  },
};

/** @returns the pid of the daemon that was told, or undefined when none answered */
async function tellToStop(io: CliIo): Promise<number | undefined> {
  const client = await io.daemon();
  try {
    const { pid } = await client.info();
    await client.stop();
    return pid;
  } catch (error) {
    if (error instanceof TunneldError && error.code === 'DAEMON_UNREACHABLE') return undefined;
    throw error;
  }
}

function stillThere(pid: number, waitMs: number): TunneldError {
  return new TunneldError(
    'WAIT_TIMED_OUT',
    `The daemon (pid ${pid}) was still running after ${waitMs / 1_000} s`,
    {
      remedy: `It may wait for exchanges in flight. \`kill ${pid}\` ends it without waiting for them.`,
    },
  );
}
