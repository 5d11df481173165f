import { type KeyMistake, TunneldError } from '../core/errors.ts';
import { holdsLiteralSecret } from './config-secrets.ts';
import { applyEnvironment, environmentMistakes } from './environment.ts';
import { mistakesOf } from './mistakes.ts';
import type { Environment } from './paths.ts';
import { closeFile, reasonOf } from './private-files.ts';
import { MAX_CONFIG_BYTES, readRegularFile } from './regular-file.ts';
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
  return readConfig(file, options).config;
}

export interface ReadConfig {
  readonly config: Config;
  /** There is nothing in the file, or no file: what an editor leaves for a moment, or a user on purpose. */
  readonly absent?: 'missing' | 'blank';
}

/** The same, and whether there was anything to read. @throws {TunneldError} `CONFIG_INVALID` */
export function readConfig(file: string, options: LoadOptions = {}): ReadConfig {
  const text = readText(file, options.optional ?? false);
  const source = new YamlText(text ?? '');
  // Before it is checked: a mistake next to a secret does not make the secret less of one.
  if (holdsLiteralSecret(source.value)) {
    for (const note of closeFile(file)) options.onNote?.(note);
  }
  const config = configOf(source, file, options.env ?? process.env);
  if (text === undefined) return { config, absent: 'missing' };
  return text.trim() === '' ? { config, absent: 'blank' } : { config };
}

/** The same for text already read. @throws {TunneldError} `CONFIG_INVALID` */
export function parseConfig(text: string, file: string, env: Environment): Config {
  return configOf(new YamlText(text), file, env);
}

function configOf(source: YamlText, file: string, env: Environment): Config {
  // What is not YAML has no keys to complain about.
  const result = !source.readable ? undefined : configSchema.safeParse(source.value ?? {});
  const mistakes = result?.error === undefined ? [] : mistakesOf(result.error, configSchema);
  const inFile = [
    ...source.complaints.map(({ offset, text }) => ({ offset, key: '', what: text })),
    ...protoKeys(source.value).map((path) => ({
      offset: source.offsetOf(path),
      key: path.join('.'),
      what: 'No key may have this name',
    })),
    ...mistakes.map(({ path, what }) => ({ offset: source.offsetOf(path), key: path.join('.'), what })),
  ].sort((a, b) => a.offset - b.offset);
  const found: readonly KeyMistake[] = [
    ...inFile.map(({ offset, key, what }) => ({ key, what, place: source.place(offset) })),
    ...environmentMistakes(env).map(({ path, what }) => ({ key: path.join('.'), what, place: ENVIRONMENT })),
  ];
  if (result?.data === undefined || found.length > 0) throw invalidConfig(file, found);
  // By name, and nothing else: every object inherits a "constructor".
  const tunnels = Object.assign(Object.create(null), result.data.tunnels) as Config['tunnels'];
  return applyEnvironment({ ...result.data, tunnels }, env);
}

function readText(file: string, optional: boolean): string | undefined {
  try {
    return readRegularFile(file, MAX_CONFIG_BYTES);
  } catch (cause) {
    if (optional && (cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
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

/** `__proto__` is not a key like others to JavaScript: a tunnel of that name would vanish without a word. */
function protoKeys(value: unknown): readonly (readonly string[])[] {
  const tunnels = (value as { readonly tunnels?: unknown } | null)?.tunnels;
  if (typeof tunnels !== 'object' || tunnels === null) return [];
  return Object.keys(tunnels).includes('__proto__') ? [['tunnels', '__proto__']] : [];
}
