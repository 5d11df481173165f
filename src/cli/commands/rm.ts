import { type Command, ExitCode } from '../command.ts';

export const rm: Command = {
  name: 'rm',
  summary: 'Take tunnels down and forget them, their tokens included',
  positionals: [{ name: 'name', required: true, rest: true }],
  options: {},
  examples: [['tunneld rm figma', 'A later `tunneld up figma --port ...` starts over with a new token.']],
  notes: ['A tunnel of the config file is refused: remove it from the file instead.'],

  async run(args, io) {
    const client = await io.daemon();
    // All of them are known, or nothing happens.
    for (const name of args.positionals) await client.status(name);
    for (const name of new Set(args.positionals)) {
      await client.remove(name);
      io.out(`${name} is gone`);
    }
    return ExitCode.ok;
  },
};
