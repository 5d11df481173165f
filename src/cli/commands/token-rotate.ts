import { type Command, ExitCode } from '../command.ts';
import { parseDuration } from '../render/duration.ts';
import { printableJson } from '../render/printable.ts';

export const tokenRotate: Command = {
  name: 'token rotate',
  summary: 'Give a tunnel a new access token',
  positionals: [{ name: 'name', required: true }],
  options: {
    grace: {
      type: 'string',
      value: 'duration',
      summary: 'The old token goes on working for this long; by default it ends now',
    },
    json: { type: 'boolean', summary: 'Print {"name", "token", "previousValidUntil"}' },
  },
  examples: [
    ['tunneld token rotate figma', 'After a leak: the old token stops working at once.'],
    ['tunneld token rotate figma --grace 1h', 'Planned: clients have an hour to change over.'],
  ],
  notes: ['Prints the new token alone on standard output, one line.'],

  async run(args, io) {
    const [name = ''] = args.positionals;
    const graceMs = parseDuration('--grace', args.text('grace') ?? '0s');
    const revealed = await (await io.daemon()).rotateToken(name, graceMs);
    io.out(args.flag('json') ? printableJson(revealed, 2) : revealed.token);
    const until = revealed.previousValidUntil;
    io.err(
      until === undefined
        ? 'The old token no longer works.'
        : `The old token works until ${new Date(until).toISOString()}.`,
    );
    return ExitCode.ok;
  },
};
