import { type Command, ExitCode, type VerbTable } from '../command.ts';
import { topicLines } from '../help-topics.ts';
import { commandHelp, groupHelp, overview } from '../render/help.ts';
import { wrapped } from '../render/wrap.ts';
import { resolveVerb, verbsOf } from '../resolve-verb.ts';
import { SUMMARIES } from '../summaries.ts';

/** Explains the verbs of `table`; it is given them because it is one of them. */
export function helpFor(table: VerbTable): Command {
  return {
    name: 'help',
    summary: 'Explain a verb or an error, or list all verbs',
    positionals: [{ name: 'verb or code', required: false, rest: true }],
    options: {},
    examples: [
      ['tunneld help', 'Lists every verb.'],
      ['tunneld help token rotate', 'Explains one.'],
      [
        'tunneld help RELAY_NAME_TAKEN',
        'What an error means and what to do; a reason of the gateway (no-token) as well.',
      ],
    ],

    async run({ positionals }, io) {
      const { columns } = io.size();
      for (const line of await helpLines(positionals, table, columns)) io.out(line);
      return ExitCode.ok;
    },
  };
}

/** @throws {TunneldError} `USAGE` when no verb is called that */
async function helpLines(
  words: readonly string[],
  table: VerbTable,
  columns: number,
): Promise<readonly string[]> {
  const { verbs, aliases } = table;
  const [word = ''] = words;
  const topic = words.length === 1 ? await topicLines(word, verbs) : undefined;
  if (topic !== undefined) return topic.flatMap((line) => wrapped(line, Math.min(columns, 80), 0));
  if (words.length === 0) return overview(SUMMARIES, aliases, columns);
  const resolved = await resolveVerb(words, table);
  if ('group' in resolved)
    return groupHelp(resolved.group, await load(verbsOf(resolved.group, verbs), verbs));
  return commandHelp(await resolved.load(), aliases, columns);
}

async function load(names: readonly string[], verbs: VerbTable['verbs']): Promise<readonly Command[]> {
  const commands = await Promise.all(names.map((name) => verbs[name]?.()));
  return commands.filter((command) => command !== undefined);
}
