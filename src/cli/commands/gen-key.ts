import { newAccessToken } from '../../config/access-token.ts';
import { type Command, ExitCode } from '../command.ts';

export const genKey: Command = {
  name: 'gen-key',
  summary: 'Print a new random key, usable as an access token',
  positionals: [],
  options: {},
  examples: [
    [
      '(umask 077; tunneld gen-key > ~/.figma-token)',
      'For `access.token: file:~/.figma-token` in the config file.',
    ],
  ],
  notes: ['Prints one line with 256 random bits. Nothing is stored, and no daemon is needed.'],

  async run(_args, io) {
    io.out(newAccessToken().reveal());
    return ExitCode.ok;
  },
};
