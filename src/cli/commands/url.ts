import { TunneldError } from '../../core/errors.ts';
import { type Command, ExitCode } from '../command.ts';
import { printable, printableJson } from '../render/printable.ts';

export const url: Command = {
  name: 'url',
  summary: 'Print the URL to paste into a client',
  positionals: [{ name: 'name', required: true }],
  options: { json: { type: 'boolean', summary: 'Print {"name", "url"}' } },
  examples: [['curl "$(tunneld url figma)"', 'One line: the public URL with the MCP path.']],

  async run(args, io) {
    const [name = ''] = args.positionals;
    const { mcpUrl } = await (await io.daemon()).status(name);
    if (mcpUrl === undefined) {
      throw new TunneldError('NO_PUBLIC_URL', `"${name}" has no public URL yet`, {
        remedy: `Run \`tunneld status ${name}\` to see what it waits for, or \`tunneld up ${name}\`.`,
      });
    }
    io.out(args.flag('json') ? printableJson({ name, url: mcpUrl }, 2) : printable(mcpUrl));
    return ExitCode.ok;
  },
};
