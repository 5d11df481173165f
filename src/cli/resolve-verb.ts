import { TunneldError } from '../core/errors.ts';
import type { Command, VerbTable } from './command.ts';

export interface ResolvedVerb {
  readonly verb: string;
  load(): Promise<Command>;
  /** The words after the verb. */
  readonly rest: readonly string[];
}

/**
 * Finds the verb the words start with.
 *
 * @returns the verb, or the name of a group (`token`) when its second word is missing
 * @throws {TunneldError} `USAGE`, suggesting the nearest verb
 */
export async function resolveVerb(
  words: readonly string[],
  { verbs, aliases }: VerbTable,
): Promise<ResolvedVerb | { readonly group: string }> {
  const [first = '', second] = words;
  const resolved = (verb: string, count: number): ResolvedVerb | undefined => {
    const load = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
    return load === undefined ? undefined : { verb, load, rest: words.slice(count) };
  };
  // `relay check` is a verb, and so is `relay`.
  const pair = resolved(`${first} ${second ?? ''}`, 2);
  if (pair !== undefined) return pair;
  const meant = { ...UNLISTED, ...aliases };
  const single = resolved(Object.hasOwn(meant, first) ? (meant[first] ?? first) : first, 1);
  if (single !== undefined) return single;
  if (verbsOf(first, verbs).length === 0) throw await unknownVerb(first, second ?? '', { verbs, aliases });
  if (second === undefined || second.startsWith('-')) return { group: first };
  const error = await unknownVerb(`${first} ${second}`, '', { verbs, aliases });
  throw new TunneldError('USAGE', error.message, {
    remedy: `${error.remedy.replace('`tunneld help` lists all verbs.', '')}One of: ${verbsOf(first, verbs).join(', ')}.`,
  });
}

/** The verbs of a group: `token` → `token show`, `token rotate`. */
export function verbsOf(group: string, verbs: VerbTable['verbs']): readonly string[] {
  return Object.keys(verbs).filter((verb) => verb.startsWith(`${group} `));
}

/** Taken without a word: there is nothing else they could mean. */
const UNLISTED: VerbTable['aliases'] = { ls: 'status', list: 'status' };

const UP = '`tunneld up <name> --port <port>` makes a tunnel and brings it up.';
const CHANGE =
  '`tunneld set <name> <key>=<value>` changes a tunnel; `tunneld config path` says where the file is.';

/** What people type who know other programs, and what it is called here. */
const WORDS_OF_OTHERS: Readonly<Record<string, string>> = {
  stop: '`tunneld down <name>` takes a tunnel down; `tunneld daemon stop` stops the daemon.',
  start: '`tunneld up <name>` brings a tunnel up; `tunneld daemon start` starts the daemon.',
  add: UP,
  create: UP,
  new: UP,
  http: UP,
  remove: '`tunneld rm <name>` forgets a tunnel; `tunneld down <name>` keeps it.',
  delete: '`tunneld rm <name>` forgets a tunnel; `tunneld down <name>` keeps it.',
  edit: CHANGE,
  update: CHANGE,
  change: CHANGE,
  install: '`tunneld service install` has the daemon started at login or at boot.',
  info: '`tunneld inspect <name>` says all of a tunnel; `tunneld daemon status` of the daemon.',
};

async function unknownVerb(
  typed: string,
  second: string,
  { verbs, aliases }: VerbTable,
): Promise<TunneldError> {
  if (typed.startsWith('-')) {
    return new TunneldError('USAGE', `The option ${typed} stands before the verb`, {
      remedy: 'Write the verb first: `tunneld <verb> [options]`. `tunneld help` lists the verbs.',
    });
  }
  const meant = Object.hasOwn(WORDS_OF_OTHERS, typed) ? WORDS_OF_OTHERS[typed] : undefined;
  if (meant !== undefined) return new TunneldError('USAGE', `There is no verb "${typed}"`, { remedy: meant });
  const groups = Object.keys(verbs).flatMap((verb) => (verb.includes(' ') ? (verb.split(' ')[0] ?? []) : []));
  const known = [...Object.keys(verbs), ...Object.keys(aliases), ...new Set(groups)];
  const { nearest } = await import('../core/nearest.ts');
  // `deamon start`: the pair is nearer to a verb than its first word alone.
  const near = nearest(`${typed} ${second}`, known) ?? nearest(typed, known);
  const hint = near === undefined ? '' : `Did you mean \`tunneld ${near}\`? `;
  return new TunneldError('USAGE', `There is no verb "${typed}"`, {
    remedy: `${hint}\`tunneld help\` lists all verbs.`,
  });
}
