import { newAccessToken } from '../../config/access-token.ts';
import { type Command, ExitCode } from '../command.ts';

export const relayTokenNew: Command = {
  name: 'relay-token new',
  summary: 'Print a new line for the token file of a relay',
  positionals: [{ name: 'names', required: true, rest: true }],
  options: {},
  examples: [
    ['tunneld relay-token new alice "alice-*" >> tokens', 'For `tunneld relay --static-token file:tokens`.'],
  ],
  notes: [
    'Prints TOKEN:NAME[,NAME…]. Give the part in front of the colon to whoever runs the agent. In a name, * stands for any text. Nothing is stored.',
  ],

  async run(args, io) {
    io.out(`${newAccessToken().reveal()}:${args.positionals.join(',')}`);
    return ExitCode.ok;
  },
};
