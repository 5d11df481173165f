import { TunneldError } from '../../core/errors.ts';
import { type Command, ExitCode } from '../command.ts';
import { CONFIG_OPTION, withConfigOption } from '../config-option.ts';
import { connectOrStart } from '../connect.ts';
import { printableJson } from '../render/printable.ts';

export const daemonStart: Command = {
  name: 'daemon start',
  summary: 'Start the daemon in the background',
  positionals: [],
  options: {
    ...CONFIG_OPTION,
    json: { type: 'boolean', summary: 'Print {"started", "pid", "version", "startedAt"}' },
  },
  examples: [
    ['tunneld daemon start', 'Brings every tunnel that is wanted up back up. Does nothing when it runs.'],
  ],
  notes: ['Returns when the daemon is ready. One that cannot start says why here, not only in a log.'],

  async run(args, outer) {
    // Asking for a start is more than an autostart that may be switched off.
    const configured = withConfigOption(args, outer);
    const io = { ...configured, env: { ...configured.env, TUNNELD_NO_AUTOSTART: '' } };
    const { client, started } = await connectOrStart(io);
    const { pid, version, startedAt, configFile } = await client.info();
    if (!started && args.given('config') && configFile !== io.paths().configFile) {
      throw new TunneldError(
        'USAGE',
        `The daemon (pid ${pid}) already runs with ${configFile ?? 'no config file'}`,
        {
          remedy: `Run \`tunneld daemon restart --config ${io.paths().configFile}\` to use this one.`,
        },
      );
    }
    if (args.flag('json')) io.out(printableJson({ started, pid, version, startedAt }, 2));
    else
      io.out(started ? `The daemon is running (pid ${pid})` : `The daemon was running already (pid ${pid})`);
    return ExitCode.ok;
  },
};
