import { readFile } from 'node:fs/promises';
import { type KeyMistake, TunneldError } from '../core/errors.ts';
import { holdsLiteralSecret } from './config-secrets.ts';
import { applyEnvironment, environmentMistakes } from './environment.ts';
import { mistakesOf } from './mistakes.ts';
import type { Environment } from './paths.ts';
import { closeFile, reasonOf } from './private-files.ts';
import { type Config, configSchema } from './schema.ts';
import { YamlText } from './yaml-text.ts';

export interface LoadOptions {
  /** A file that does not exist counts as an empty one. Off: it is an error. */
  readonly optional?: boolean;
  /** Its `TUNNELD_*` settings win over the file. Default: `process.env`. */
  readonly env?: Environment;
  /** Told when the file held a literal secret and had to be closed to others. */
  readonly onNote?: (note: string) => void;
}

/**
 * Reads and checks the whole configuration.
 *
 * @throws {TunneldError} `CONFIG_INVALID` with every mistake, one a line: `file:line:column key: what`
 */
export async function loadConfig(file: string, options: LoadOptions = {}): Promise<Config> {
  const source = new YamlText(await readText(file, options.optional ?? false));
  // Before it is checked: a mistake next to a secret does not make the secret less of one.
  if (holdsLiteralSecret(source.value)) {
    for (const note of closeFile(file)) options.onNote?.(note);
  }
  return configOf(source, file, options.env ?? process.env);
}

/** The same for text already read. @throws {TunneldError} `CONFIG_INVALID` */
export function parseConfig(text: string, file: string, env: Environment): Config {
  return configOf(new YamlText(text), file, env);
}

function configOf(source: YamlText, file: string, env: Environment): Config {
  // What is not YAML has no keys to complain about.
  const result = !source.readable ? undefined : configSchema.safeParse(source.value ?? {});
  const mistakes = result?.error === undefined ? [] : mistakesOf(result.error);
  const inFile = [
    ...source.complaints.map(({ offset, text }) => ({ offset, key: '', what: text })),
    ...mistakes.map(({ path, what }) => ({ offset: source.offsetOf(path), key: path.join('.'), what })),
  ].sort((a, b) => a.offset - b.offset);
  const found: readonly KeyMistake[] = [
    ...inFile.map(({ offset, key, what }) => ({ key, what, place: source.place(offset) })),
    ...environmentMistakes(env).map(({ path, what }) => ({ key: path.join('.'), what, place: ENVIRONMENT })),
  ];
  if (result?.data === undefined || found.length > 0) throw invalidConfig(file, found);
  return applyEnvironment(result.data, env);
}

async function readText(file: string, optional: boolean): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    if (optional && (cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new TunneldError('CONFIG_INVALID', `${file} cannot be read: ${reasonOf(cause)}`, {
      cause,
      remedy: 'Check the path given with --config or TUNNELD_CONFIG.',
    });
  }
}

/** All mistakes of a config file as one error: `file:line:column key: what`, one a line. */
export function invalidConfig(file: string, mistakes: readonly KeyMistake[]): TunneldError {
  const lines = mistakes.map(({ key, what, place }) => {
    const where = place === undefined || place === ENVIRONMENT ? place : `${file}:${place}`;
    return [where, key === '' ? what : `${key}: ${what}`].filter((part) => part !== undefined).join(' ');
  });
  const [first = `${file} is not valid`] = lines;
  const list = lines.map((line) => `  ${line}`).join('\n');
  const message = lines.length <= 1 ? first : `${file} has ${lines.length} mistakes:\n${list}`;
  return new TunneldError('CONFIG_INVALID', message, {
    mistakes,
    remedy: `Correct what is listed, then run \`tunneld config check --config ${file}\`.`,
  });
}

/** In place of a line and column: the mistake is in a variable. */
const ENVIRONMENT = 'environment';
