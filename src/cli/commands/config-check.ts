import { existsSync } from 'node:fs';
import { loadConfig } from '../../config/load.ts';
import { type Command, ExitCode } from '../command.ts';
import { CONFIG_OPTION, withConfigOption } from '../config-option.ts';

export const configCheck: Command = {
  name: 'config check',
  summary: 'Check the config file and list every mistake in it',
  positionals: [],
  options: {
    ...CONFIG_OPTION,
    json: { type: 'boolean', summary: 'Print {"file", "exists", "tunnels"} when it is valid' },
  },
  examples: [
    ['tunneld config check', 'Every mistake with line and column; exit code 2 when there is one.'],
    ['tunneld config check --config ./tunneld.yaml', 'Checks a file before it is put in place.'],
  ],

  async run(args, outer) {
    const io = withConfigOption(args, outer);
    const { configFile, configRequired } = io.paths();
    const exists = existsSync(configFile);
    const config = await loadConfig(configFile, { optional: !configRequired, env: io.env, onNote: io.err });
    const tunnels = Object.keys(config.tunnels);
    if (args.flag('json')) io.out(JSON.stringify({ file: configFile, exists, tunnels }, undefined, 2));
    else if (exists)
      io.out(`${configFile} is valid: ${tunnels.length} ${tunnels.length === 1 ? 'tunnel' : 'tunnels'}`);
    else io.out(`There is no ${configFile}: the defaults apply`);
    return ExitCode.ok;
  },
};
