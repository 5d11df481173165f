import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { pathVariables } from '../../config/paths.ts';
import { type Command, ExitCode } from '../command.ts';
import { CONFIG_OPTION, withConfigOption } from '../config-option.ts';

export const daemonRun: Command = {
  name: 'daemon run',
  summary: 'Run the daemon in the foreground',
  positionals: [],
  options: CONFIG_OPTION,
  examples: [
    ['tunneld daemon run', 'For containers, and to watch a start that fails. Ctrl-C stops it.'],
    ['TUNNELD_LOG_LEVEL=debug tunneld daemon run', 'With everything it does.'],
  ],
  notes: ['Exits with the exit code of the daemon. Signals are passed on to it.'],

  async run(args, outer) {
    const io = withConfigOption(args, outer);
    const child = spawn(process.execPath, [io.daemonProgram], {
      env: { ...io.env, ...pathVariables(io.paths()) },
      stdio: 'inherit',
      // A process group of its own: Ctrl-C reaches it once, through us. A second signal would end
      // it without draining.
      detached: true,
    });
    const forward = (signal: NodeJS.Signals) => void child.kill(signal);
    for (const signal of FORWARDED) process.on(signal, forward);
    try {
      return await new Promise<number>((resolve, reject) => {
        child.on('error', reject);
        child.on('exit', (code, signal) => {
          resolve(signal === null ? (code ?? ExitCode.no) : 128 + constants.signals[signal]);
        });
      });
    } finally {
      for (const signal of FORWARDED) process.off(signal, forward);
    }
  },
};

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
