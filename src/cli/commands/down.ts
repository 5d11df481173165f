import { type Command, ExitCode } from '../command.ts';
import { usage } from '../parse.ts';
import { printableJson } from '../render/printable.ts';

export const down: Command = {
  name: 'down',
  summary: 'Take a tunnel down; its URL and token are kept for the next up',
  positionals: [{ name: 'name', required: false }],
  options: {
    all: { type: 'boolean', summary: 'Take every tunnel down' },
    json: { type: 'boolean', summary: 'Print the status of what was taken down, as an array' },
  },
  examples: [
    ['tunneld down figma', 'Closes its session. `tunneld up figma` brings it back.'],
    ['tunneld down --all', 'Closes all of them; the daemon goes on running.'],
  ],

  async run(args, io) {
    const [name] = args.positionals;
    if (args.flag('all') === (name !== undefined)) {
      throw usage(down, 'tunneld down needs either the name of a tunnel or --all');
    }
    const client = await io.daemon();
    const tunnels = name === undefined ? await client.downAll() : [await client.down(name)];
    if (args.flag('json')) io.out(printableJson(tunnels, 2));
    else for (const tunnel of tunnels) io.out(`${tunnel.name} is down`);
    if (tunnels.length === 0) io.err('No tunnel was up.');
    return ExitCode.ok;
  },
};
