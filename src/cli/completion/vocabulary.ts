import type { Command } from '../command.ts';

/** What can be typed, as the shells need it. */
export interface Vocabulary {
  /** First words: verbs of one word, and groups. */
  readonly first: readonly Word[];
  /** Group → its second words. */
  readonly groups: ReadonlyMap<string, readonly Word[]>;
  readonly verbs: readonly VerbWords[];
}

export interface Word {
  readonly text: string;
  readonly summary: string;
}

export interface VerbWords {
  /** As typed; aliases have entries of their own. */
  readonly verb: string;
  readonly options: readonly OptionWord[];
  /** Tunnel names can follow. */
  readonly takesName: boolean;
}

export interface OptionWord extends Word {
  readonly short?: string;
  /** The next word is its value. */
  readonly takesValue: boolean;
  /** What the value can be: these words, or the path of a file; absent where it is not known. */
  readonly values?: readonly string[] | 'files';
}

export function vocabularyOf(
  commands: readonly Command[],
  aliases: Readonly<Record<string, string>>,
): Vocabulary {
  const named = [
    ...commands.map((command) => [command.name, command] as const),
    ...Object.entries(aliases).flatMap(([alias, name]) =>
      commands.filter((command) => command.name === name).map((command) => [alias, command] as const),
    ),
  ];
  const groups = new Map<string, Word[]>();
  const first: Word[] = [];
  for (const [name, { summary }] of named) {
    const [group = '', second] = name.split(' ');
    if (second === undefined) {
      first.push({ text: name, summary });
      continue;
    }
    if (!first.some(({ text }) => text === group)) first.push({ text: group, summary: `${group} …` });
    groups.set(group, [...(groups.get(group) ?? []), { text: second, summary }]);
  }
  return { first, groups, verbs: named.map(([name, command]) => verbWords(name, command)) };
}

function verbWords(verb: string, command: Command): VerbWords {
  const options = Object.entries(command.options).map(
    ([name, { summary, short, type, bareValue, value, values }]) => ({
      text: `--${name}`,
      summary,
      takesValue: type === 'string' && bareValue === undefined,
      ...(short === undefined ? {} : { short }),
      ...(values === undefined ? {} : { values }),
      ...(value === 'file' || value === 'folder' ? { values: 'files' as const } : {}),
    }),
  );
  const help = { text: '--help', summary: 'Show this help', takesValue: false, short: 'h' };
  return {
    verb,
    options: [...options, help],
    takesName: command.positionals.some(({ name }) => name === 'name'),
  };
}
