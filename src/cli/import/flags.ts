/** One option of another program's command line, or a word that is none. */
export type Token =
  | { readonly kind: 'flag'; readonly name: string; readonly value?: string; readonly known: boolean }
  | { readonly kind: 'word'; readonly value: string };

/** How another program reads its options. */
export interface FlagTable {
  /** Options that take a value, with their dashes: `-p`, `--name`. */
  readonly values: readonly string[];
  /** Options that take none. */
  readonly switches: readonly string[];
  /** Whether the word ends the options: the rest is not read. */
  readonly isEnd?: (word: string) => boolean;
  /** Whether an unknown long option takes the next word, which is no option. By default none does. */
  readonly isValueOfUnknown?: (next: string, isLast: boolean) => boolean;
}

export interface ReadLine {
  readonly tokens: readonly Token[];
  /** From the word that ended the options on, that word included. */
  readonly rest: readonly string[];
}

/** Splits the words of a program into its options and other words: `-p443`, `-it`, `--name=x`, `--name x`. */
export function readFlags(words: readonly string[], table: FlagTable): ReadLine {
  const tokens: Token[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '--') return { tokens, rest: words.slice(at + 1) };
    if (!word.startsWith('-') || word === '-') {
      if (table.isEnd?.(word) === true) return { tokens, rest: words.slice(at) };
      tokens.push({ kind: 'word', value: word });
      continue;
    }
    const next = words[at + 1];
    const isLast = at + 2 >= words.length;
    const read = word.startsWith('--') ? readLong(word, next, isLast, table) : readShort(word, next, table);
    tokens.push(...read.tokens);
    if (read.tookNext) at++;
  }
  return { tokens, rest: [] };
}

interface Read {
  readonly tokens: readonly Token[];
  readonly tookNext: boolean;
}

function readLong(word: string, next: string | undefined, isLast: boolean, table: FlagTable): Read {
  const at = word.indexOf('=');
  const name = at === -1 ? word : word.slice(0, at);
  const takes = table.values.includes(name);
  const known = takes || table.switches.includes(name);
  if (at !== -1) return { tokens: [flag(name, known, word.slice(at + 1))], tookNext: false };
  const guessed = !known && isValue(next) && table.isValueOfUnknown?.(next, isLast) === true;
  if (!takes && !guessed) return { tokens: [flag(name, known)], tookNext: false };
  return { tokens: [flag(name, known, next)], tookNext: next !== undefined };
}

/** One dash: letters that take no value may share it, and a value may follow without a blank. */
function readShort(word: string, next: string | undefined, table: FlagTable): Read {
  const tokens: Token[] = [];
  for (let at = 1; at < word.length; at++) {
    const name = `-${word[at]}`;
    if (!table.values.includes(name)) {
      tokens.push(flag(name, table.switches.includes(name)));
      continue;
    }
    const attached = word.slice(at + 1).replace(/^=/, '');
    if (attached !== '') return { tokens: [...tokens, flag(name, true, attached)], tookNext: false };
    return { tokens: [...tokens, flag(name, true, next)], tookNext: next !== undefined };
  }
  return { tokens, tookNext: false };
}

function isValue(word: string | undefined): word is string {
  return word !== undefined && !word.startsWith('-');
}

function flag(name: string, known: boolean, value?: string): Token {
  return { kind: 'flag', name, known, ...(value === undefined ? {} : { value }) };
}
