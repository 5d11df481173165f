import { homedir } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { reasonOf } from '../../config/private-files.ts';
import { readRegularFile } from '../../config/regular-file.ts';
import { TunneldError } from '../../core/errors.ts';
import { readCommand } from './commands.ts';
import { readEnvFile } from './env-file.ts';
import { type GuideValue, readGuideKeys } from './guide-keys.ts';
import { isAssignment, isProgram, isProgramName } from './programs.ts';
import { assertFilledIn, notUnderstood, Recipe } from './recipe.ts';
import { shellWords } from './shell-words.ts';

/** No file of settings, and no line, is larger. */
const MAX_BYTES = 1_048_576;

export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  /** What the user chose, where the sources leave it open. */
  readonly provider: string | undefined;
}

/**
 * Reads what the words name: files (`.env`, or a script with one of the lines), whole lines, or one line
 * in its words. Several sources make one tunnel together, as an image is built by one line and started
 * by another.
 *
 * @throws {TunneldError} `IMPORT_NOT_UNDERSTOOD`, `IMPORT_INCOMPLETE`
 */
export function readSources(words: readonly string[], { env, provider }: Surroundings): Recipe {
  const recipe = new Recipe();
  const variables = new Map<string, GuideValue>();
  const context = {
    env,
    recipe,
    variables,
    readVariables: (file: string) => addFile(file, variables, recipe),
  };
  const [first = ''] = words;
  if (isProgram(first)) {
    readCommand(filledIn(words), context);
  } else {
    for (const source of words) {
      if (source.trim() === '') throw notUnderstood('There is nothing to import');
      const text = /\s/.test(source.trim()) ? source : readText(source, recipe);
      if (isEnvName(source) || !isLine(text)) addEnv(text, source, variables, recipe);
      else for (const command of lineOf(text, env, recipe)) readCommand(filledIn(command), context);
    }
  }
  if (variables.size > 0) {
    for (const { value } of variables.values()) assertFilledIn([value]);
    readGuideKeys(variables, provider, env, recipe);
  }
  return recipe;
}

function lineOf(text: string, env: NodeJS.ProcessEnv, recipe: Recipe): readonly (readonly string[])[] {
  const { commands, variables } = shellWords(
    text,
    (name) => env[name] ?? (name === 'HOME' ? homedir() : undefined),
  );
  for (const name of variables) recipe.same(`$${name}`, 'its value in this shell was put in');
  if (commands.length === 0) throw notUnderstood('There is nothing to import');
  return commands;
}

function filledIn(words: readonly string[]): readonly string[] {
  assertFilledIn(words);
  return words;
}

/** Whether a text is a command line, and no list of variables. */
function isLine(text: string): boolean {
  const first = text.split('\n').find((line) => !/^\s*(?:#.*)?$/.test(line)) ?? '';
  const [word = ''] = first
    .trim()
    .replace(/^\$\s+/, '')
    .split(/\s/, 1);
  // A variable in front of a command sets it for the command; in a `.env` it is alone on its line.
  if (isAssignment(word)) return first.trim().split(/\s+/).some(isProgramName);
  return !/^(?:export|[\w.-]+\s*:)$/.test(word) && !/^[\w.-]+\s*=/.test(first.trim());
}

/** `.env`, `prod.env`, `.env.local` */
function isEnvName(source: string): boolean {
  return /(?:^|[./])env(?:\.[\w-]+)*$/.test(source);
}

function readText(source: string, recipe: Recipe): string {
  try {
    const text = readRegularFile(resolve(source), MAX_BYTES);
    recipe.suggestNameLater(basename(dirname(resolve(source))));
    return text;
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    // A word that is no file may be a secret that somebody pasted.
    const shown = missing && !/^[\w.~/-]{1,200}$/.test(source) ? 'What was given' : source;
    throw new TunneldError('IMPORT_NOT_UNDERSTOOD', `${shown} cannot be read: ${reasonOf(cause)}`, {
      ...(shown === source ? { cause } : {}),
      remedy: 'Give a .env file, or a whole line in quotes that begins with its program.',
    });
  }
}

function addFile(file: string, variables: Map<string, GuideValue>, recipe: Recipe): void {
  addEnv(readText(file, recipe), file, variables, recipe);
}

function addEnv(text: string, file: string, variables: Map<string, GuideValue>, recipe: Recipe): void {
  const { values, remarks } = readEnvFile(text, file);
  if (values.size === 0) {
    throw notUnderstood(
      `${file} has no KEY=value in it`,
      'Give a .env file, or a line that begins with its program.',
    );
  }
  for (const remark of remarks) recipe.leave(file, remark);
  for (const [name, value] of values) variables.set(name, { value });
  recipe.advise(
    `${file} still has the secrets in it: take it away, or \`chmod 600\` it, when the tunnel works.`,
  );
}
