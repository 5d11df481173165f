import { type Command, ExitCode } from '../command.ts';
import { printableJson } from '../render/printable.ts';

export const inspect: Command = {
  name: 'inspect',
  summary: 'Print everything known of a tunnel as JSON, secrets excepted',
  positionals: [{ name: 'name', required: true }],
  options: { json: { type: 'boolean', summary: 'The same; this verb prints nothing but JSON' } },
  examples: [
    ['tunneld inspect figma', 'Status, configuration in force, history of state changes, gateway URL.'],
    ['tunneld inspect figma | jq ".history[0]"', 'The last state change and its cause.'],
  ],

  async run(args, io) {
    const [name = ''] = args.positionals;
    io.out(printableJson(await (await io.daemon()).inspect(name), 2));
    return ExitCode.ok;
  },
};
