import { type Command, ExitCode } from '../command.ts';
import { printableJson } from '../render/printable.ts';

export const tokenShow: Command = {
  name: 'token show',
  summary: 'Print the access token of a tunnel',
  positionals: [{ name: 'name', required: true }],
  options: { json: { type: 'boolean', summary: 'Print {"name", "token"}' } },
  examples: [['export TUNNELD_TOKEN="$(tunneld token show figma)"', 'One line, nothing but the token.']],

  async run(args, io) {
    const [name = ''] = args.positionals;
    const { token } = await (await io.daemon()).showToken(name);
    io.out(args.flag('json') ? printableJson({ name, token }, 2) : token);
    return ExitCode.ok;
  },
};
