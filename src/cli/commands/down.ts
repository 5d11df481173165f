import { type Command, ExitCode } from '../command.ts';
import { usage } from '../parse.ts';
import { printableJson } from '../render/printable.ts';

export const down: Command = {
  name: 'down',
  summary: 'Take tunnels down; their URLs and tokens are kept for the next up',
  positionals: [{ name: 'name', required: false, rest: true }],
  options: {
    all: { type: 'boolean', summary: 'Take every tunnel down' },
    json: { type: 'boolean', summary: 'Print the status of what was taken down, as an array' },
  },
  examples: [
    ['tunneld down figma', 'Closes its session. `tunneld up figma` brings it back.'],
    ['tunneld down figma notes', 'Several at once.'],
    ['tunneld down --all', 'Closes all of them; the daemon goes on running.'],
  ],

  async run(args, io) {
    const names = [...new Set(args.positionals)];
    if (args.flag('all') === names.length > 0) {
      throw usage(down, 'tunneld down needs either the name of a tunnel or --all');
    }
    const client = await io.daemon();
    // All of them are known, or nothing happens.
    for (const name of names) await client.status(name);
    const tunnels =
      names.length === 0 ? await client.downAll() : await Promise.all(names.map((name) => client.down(name)));
    if (args.flag('json')) io.out(printableJson(tunnels, 2));
    else for (const tunnel of tunnels) io.out(`${tunnel.name} is down`);
    if (tunnels.length === 0) io.err('No tunnel was up.');
    return ExitCode.ok;
  },
};
