import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { pathVariables } from '../../config/paths.ts';
import type { TunneldError } from '../../core/errors.ts';
import { type Command, ExitCode } from '../command.ts';
import { CONFIG_OPTION, withConfigOption } from '../config-option.ts';
import { onAnnouncement } from '../daemon-announcement.ts';

export const daemonRun: Command = {
  name: 'daemon run',
  summary: 'Run the daemon in the foreground',
  positionals: [],
  options: {
    ...CONFIG_OPTION,
    'log-stdout': {
      type: 'boolean',
      summary: 'Also print what goes into the log files, as it is there (NDJSON)',
    },
  },
  examples: [
    ['tunneld daemon run', 'For containers, and to watch a start that fails. Ctrl-C stops it.'],
    ['TUNNELD_LOG_LEVEL=debug tunneld daemon run', 'With everything it does.'],
  ],
  notes: [
    'Exits as the daemon does: 0 after Ctrl-C or SIGTERM, 2 for a bad configuration. Signals are passed on to it; SIGHUP makes it read its configuration again.',
  ],

  async run(args, outer) {
    const io = withConfigOption(args, outer);
    const words = args.flag('log-stdout') ? ['--log-stdout'] : [];
    const child = spawn(process.execPath, [io.daemonProgram, '--ready-fd', '3', ...words], {
      env: { ...io.env, ...pathVariables(io.paths()) },
      stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
      // A process group of its own: Ctrl-C reaches it once, through us. A second signal would end
      // it without draining.
      detached: true,
    });
    let refusal: TunneldError | undefined;
    onAnnouncement(child.stdio[3] as Readable, (said) => {
      if (said.kind === 'error') refusal = said.error;
      // Where the log is printed, it says so in a line of its own form.
      if (said.kind !== 'ready' || words.length > 0) return;
      io.out(`tunneld ${said.version} is running (pid ${said.pid}, ${said.socket}). Ctrl-C stops it.`);
    });
    const forward = (signal: NodeJS.Signals) => void child.kill(signal);
    for (const signal of FORWARDED) process.on(signal, forward);
    try {
      const code = await new Promise<number>((resolve, reject) => {
        child.on('error', reject);
        child.on('close', (code, signal) => resolve(exitCodeOf(code, signal)));
      });
      if (refusal !== undefined) throw refusal;
      return code;
    } finally {
      for (const signal of FORWARDED) process.off(signal, forward);
    }
  },
};

/** What the daemon tells service managers of a bad configuration (sysexits' EX_CONFIG). */
const EX_CONFIG = 78;

function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  if (signal !== null) return 128 + constants.signals[signal];
  return code === EX_CONFIG ? ExitCode.usage : (code ?? ExitCode.no);
}

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
