import { type Command, ExitCode, type VerbTable } from '../command.ts';
import { manPage } from '../render/man-page.ts';

/** The man page of the verbs of `table`; it is given them because it is one of them. */
export function manFor({ verbs }: VerbTable): Command {
  return {
    name: 'man',
    summary: 'Print the man page',
    positionals: [],
    options: {},
    examples: [['tunneld man', 'Shown by: tunneld man | man -l -']],
    async run(_args, io) {
      const commands = await Promise.all(Object.values(verbs).map((load) => load()));
      io.out(manPage(commands).trimEnd());
      return ExitCode.ok;
    },
  };
}
