import { type Command, ExitCode } from '../command.ts';
import { CONFIG_OPTION, withConfigOption } from '../config-option.ts';

export const configShow: Command = {
  name: 'config show',
  summary: 'Print the configuration in force, defaults filled in, secrets masked',
  positionals: [],
  options: { ...CONFIG_OPTION, json: { type: 'boolean', summary: 'Print JSON instead of YAML' } },
  examples: [['tunneld config show', 'The file, the TUNNELD_* variables and the defaults, as one.']],
  notes: [
    'Durations are milliseconds here. Tunnels made with `tunneld up` are not in it: see `tunneld inspect <name>`.',
  ],

  async run(args, outer) {
    const io = withConfigOption(args, outer);
    // All help texts load this file, and none of them these.
    const [{ stringify }, { masked }, { loadConfig }, { configSchema }] = await Promise.all([
      import('yaml'),
      import('../../config/config-secrets.ts'),
      import('../../config/load.ts'),
      import('../../config/schema.ts'),
    ]);
    const { configFile, configRequired } = io.paths();
    const config = await loadConfig(configFile, { optional: !configRequired, env: io.env, onNote: io.err });
    const shown = masked(configSchema, config);
    io.out(args.flag('json') ? JSON.stringify(shown, undefined, 2) : stringify(shown).trimEnd());
    return ExitCode.ok;
  },
};
