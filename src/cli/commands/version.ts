import { PROTOCOL_VERSION } from '../../control/api.ts';
import { VERSION } from '../../core/version.ts';
import { type Command, ExitCode } from '../command.ts';

export const version: Command = {
  name: 'version',
  summary: 'Print the version',
  positionals: [],
  options: { json: { type: 'boolean', summary: 'Print {"version", "protocol", "node", "platform"}' } },
  examples: [['tunneld version', 'Prints `tunneld` and its version. `tunneld --version` is the same.']],

  async run(args, io) {
    const facts = {
      version: VERSION,
      protocol: PROTOCOL_VERSION,
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
    };
    io.out(args.flag('json') ? JSON.stringify(facts, undefined, 2) : `tunneld ${VERSION}`);
    return ExitCode.ok;
  },
};
