import { existsSync } from 'node:fs';
import { type Command, ExitCode } from '../command.ts';

export const configPath: Command = {
  name: 'config path',
  summary: 'Print where the config file is, or would be',
  positionals: [],
  options: { json: { type: 'boolean', summary: 'Print every path tunneld uses, as an object' } },
  examples: [
    ['$EDITOR "$(tunneld config path)"', 'One line: the path, whether or not the file exists.'],
    ['tunneld config path --json', 'Also the folders of state, logs and the control socket.'],
  ],

  async run(args, io) {
    const { configFile, stateDir, runtimeDir, logDir, socket } = io.paths();
    const facts = { configFile, exists: existsSync(configFile), stateDir, runtimeDir, logDir, socket };
    io.out(args.flag('json') ? JSON.stringify(facts, undefined, 2) : configFile);
    return ExitCode.ok;
  },
};
