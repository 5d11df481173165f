import { TunneldError } from '../../core/errors.ts';
import type { Command } from '../command.ts';
import { CONFIG_OPTION, withConfigOption } from '../config-option.ts';
import type { CliIo } from '../io.ts';
import { daemonStart } from './daemon-start.ts';
import { daemonStop } from './daemon-stop.ts';

export const daemonRestart: Command = {
  name: 'daemon restart',
  summary: 'Stop the daemon and start it again, with the variables of this shell',
  positionals: [],
  options: { ...CONFIG_OPTION, ...daemonStop.options },
  examples: [
    ['tunneld daemon restart', 'After an update, or when a variable it reads (`env:NAME`) has changed.'],
    ['tunneld daemon restart --config ./tunneld.yaml', 'The next one uses another config file.'],
  ],
  notes: [
    'What was wanted up comes back: same URLs, same tokens. Without --config the next daemon uses the config file of the last one. Exits as `daemon stop` does when the last one does not end, and starts none beside it. Starts one when none was running.',
  ],

  async run(args, outer) {
    const io = withConfigOption(args, args.given('config') ? outer : await withItsConfig(outer));
    await daemonStop.run(args, io);
    return await daemonStart.run(args, io);
  },
};

/** The file that the running daemon was started with, which this shell may know nothing of. */
async function withItsConfig(io: CliIo): Promise<CliIo> {
  try {
    const { configFile } = await (await io.daemon()).info();
    const paths = io.paths();
    if (configFile === undefined || configFile === paths.configFile) return io;
    const named = { ...paths, configFile, configRequired: true };
    return { ...io, paths: () => named };
  } catch (error) {
    if (error instanceof TunneldError) return io;
    throw error;
  }
}
