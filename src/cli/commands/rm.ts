import { type Command, ExitCode } from '../command.ts';

export const rm: Command = {
  name: 'rm',
  summary: 'Take a tunnel down and forget it, its token included',
  positionals: [{ name: 'name', required: true }],
  options: {},
  examples: [['tunneld rm figma', 'A later `tunneld up figma --port ...` starts over with a new token.']],
  notes: ['A tunnel of the config file is refused: remove it from the file instead.'],

  async run(args, io) {
    const [name = ''] = args.positionals;
    await (await io.daemon()).remove(name);
    io.out(`${name} is gone`);
    return ExitCode.ok;
  },
};
