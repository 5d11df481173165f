import { parseArgs } from 'node:util';
import { TunneldError } from '../core/errors.ts';
import { type Command, type Option, ParsedArgs } from './command.ts';

/**
 * Reads the words after the verb the way `command` declares them.
 *
 * `parseArgs` splits the words; the checking is done here, because its own messages know neither
 * which verb was meant nor what the nearest option is called.
 *
 * @throws {TunneldError} `USAGE`, naming the word and what would have been right
 */
export async function parseCommandLine(command: Command, words: readonly string[]): Promise<ParsedArgs> {
  const end = command.trailing === undefined ? -1 : words.indexOf('--');
  const trailing = end === -1 ? undefined : words.slice(end + 1);
  if (trailing?.length === 0) throw usage(command, `A ${command.trailing?.name} must follow \`--\``);
  const typed = spellOutBareValues(command.options, end === -1 ? words : words.slice(0, end));
  const tokens = tokensOf(command, withEnd(command, typed));
  const positionals: string[] = [];
  const values = new Map<string, (string | true)[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const option = own(command.options, token.name);
    if (option === undefined) throw await unknownOption(command, token.rawName);
    const value = checkedValue(command, option, token);
    values.set(token.name, [...(values.get(token.name) ?? []), value]);
  }
  checkPositionals(command, positionals);
  return new ParsedArgs(positionals, values, trailing);
}

function tokensOf(command: Command, args: string[]) {
  const options = parseArgsOptions(command.options);
  return parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

/** The words with a `--` before those that are another program's. */
function withEnd(command: Command, words: string[]): string[] {
  const end = endOfOwn(command, words);
  return end === undefined ? words : [...words.slice(0, end), '--', ...words.slice(end)];
}

/** The words up to where another program's line begins: its `-h` is no question to us. */
export function ownWords(command: Command, words: readonly string[]): readonly string[] {
  return words.slice(0, endOfOwn(command, [...words]));
}

function endOfOwn(command: Command, words: string[]): number | undefined {
  if (command.verbatimFrom === undefined) return undefined;
  const first = tokensOf(command, words).find(({ kind }) => kind !== 'option');
  return first?.kind === 'positional' && command.verbatimFrom(first.value) ? first.index : undefined;
}

/** Whether the words ask for help, wherever the flag stands before `--`. */
export function asksForHelp(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return words.slice(0, end === -1 ? undefined : end).some((word) => word === '--help' || word === '-h');
}

/** Whether a script reads the answer: it reads a failure as JSON too. An option before the verb says nothing. */
export function asksForJson(words: readonly string[]): boolean {
  if (words[0]?.startsWith('-') !== false) return false;
  const end = words.indexOf('--');
  return words.slice(0, end === -1 ? undefined : end).includes('--json');
}

/** The line `--help` starts with. */
export function usageOf(command: Command): string {
  const positionals = command.positionals.map(({ name, required, rest }) => {
    const word = `<${name}>${rest === true ? '...' : ''}`;
    return required ? word : `[${word}]`;
  });
  const options = Object.keys(command.options).length > 0 ? ['[options]'] : [];
  const trailing = command.trailing === undefined ? [] : [`[-- <${command.trailing.name}>...]`];
  return ['tunneld', command.name, ...positionals, ...options, ...trailing].join(' ');
}

/** `parseArgs` knows no optional values: a bare `--wait` would swallow the next word. */
function spellOutBareValues(options: Command['options'], words: readonly string[]): string[] {
  const spelled: string[] = [];
  let literal = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    literal ||= word === '--';
    const bare = literal || !word.startsWith('--') ? undefined : own(options, word.slice(2))?.bareValue;
    // No name begins with a digit: what follows `--wait` and does is its value.
    const follows = words[at + 1];
    const value = follows !== undefined && /^\d/.test(follows) ? follows : bare;
    spelled.push(bare === undefined ? word : `${word}=${value}`);
    if (bare !== undefined && value === follows) at++;
  }
  return spelled;
}

function parseArgsOptions(options: Command['options']) {
  return Object.fromEntries(
    Object.entries(options).map(([name, { type, short }]) => [
      name,
      short === undefined ? { type } : { type, short },
    ]),
  );
}

/** An option stands where the value of another one belongs. */
export class ValueMissing extends TunneldError {
  /** The word that stands there. */
  readonly instead: string;

  constructor({ name }: Pick<Command, 'name'>, option: OptionToken, instead: string) {
    // The short form has no `=`.
    const spelled = `--${option.name}=${instead}`;
    const message = `${option.rawName} needs a value, but "${instead}" follows (write ${spelled} if it is the value)`;
    super('USAGE', message, { remedy: `\`tunneld ${name} --help\` shows how it is used.` });
    this.instead = instead;
  }
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function checkedValue(command: Command, option: Option, token: OptionToken): string | true {
  const { rawName, value, inlineValue } = token;
  if (option.type === 'boolean') {
    if (value === undefined) return true;
    throw usage(command, `${rawName} takes no value, but "${value}" was given`);
  }
  if (value === undefined || value === '')
    throw usage(command, `${rawName} needs a value: ${rawName} <${option.value}>`);
  // `--port --json` is a forgotten value far more often than a value that starts with a dash.
  if (inlineValue !== true && value.startsWith('-')) {
    throw new ValueMissing(command, token, value);
  }
  return value;
}

function checkPositionals(command: Command, positionals: readonly string[]): void {
  const missing = command.positionals[positionals.length];
  if (missing?.required === true) throw usage(command, `tunneld ${command.name} needs <${missing.name}>`);
  if (command.positionals.at(-1)?.rest === true) return;
  const extra = positionals[command.positionals.length];
  if (extra === undefined) return;
  const error = usage(command, `tunneld ${command.name} has no use for the word "${extra}"`);
  const option = optionFor(extra, command.options);
  if (option === undefined) throw error;
  throw new TunneldError('USAGE', error.message, {
    remedy: `Did you mean --${option} ${extra}? ${error.remedy}`,
  });
}

/** The option that a bare word was probably meant for: a port or a URL says by itself what it is. */
export function optionFor(word: string, options: Command['options']): 'port' | 'url' | undefined {
  if (/^\d+$/.test(word)) return own(options, 'port') === undefined ? undefined : 'port';
  const isUrl = /^(?:https?:\/\/|unix:)/i.test(word) || /^[\w.-]+:\d+(?:\/|$)/.test(word);
  return isUrl && own(options, 'url') !== undefined ? 'url' : undefined;
}

async function unknownOption(command: Command, rawName: string): Promise<TunneldError> {
  const known = [...Object.keys(command.options).map((name) => `--${name}`), '--help'];
  const { nearest } = await import('../core/nearest.ts');
  const near = own(command.otherNames ?? {}, rawName) ?? nearest(rawName, known);
  const hint = near === undefined ? '' : `Did you mean ${near}? `;
  return new TunneldError('USAGE', `tunneld ${command.name} has no option ${rawName}`, {
    remedy: `${hint}\`tunneld ${command.name} --help\` lists its options.`,
  });
}

/** A usage error that points at the verb's own help. */
export function usage(command: Pick<Command, 'name'>, message: string): TunneldError {
  return new TunneldError('USAGE', message, {
    remedy: `\`tunneld ${command.name} --help\` shows how it is used.`,
  });
}

/** Option names are user input: `--constructor` must not find `Object.prototype`. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
