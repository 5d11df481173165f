import { readFile } from 'node:fs/promises';
import { TunneldError } from '../core/errors.ts';
import { holdsLiteralSecret } from './config-secrets.ts';
import { applyEnvironment, environmentMistakes } from './environment.ts';
import { type Mistake, mistakesOf } from './mistakes.ts';
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
  const result = source.complaints.length > 0 ? undefined : configSchema.safeParse(source.value ?? {});
  const mistakes = result?.error === undefined ? [] : mistakesOf(result.error);
  const inFile = [
    ...source.complaints,
    ...mistakes.map((mistake) => ({ offset: source.offsetOf(mistake.path), text: sentence(mistake) })),
  ].sort((a, b) => a.offset - b.offset);
  const lines = [
    ...inFile.map((complaint) => `${file}:${source.place(complaint.offset)} ${complaint.text}`),
    ...environmentMistakes(env).map((mistake) => `environment ${sentence(mistake)}`),
  ];
  if (result?.data === undefined || lines.length > 0) throw invalid(file, lines);
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

function invalid(file: string, lines: readonly string[]): TunneldError {
  const [first = `${file} is not valid`] = lines;
  if (lines.length <= 1) return new TunneldError('CONFIG_INVALID', first);
  const list = lines.map((line) => `  ${line}`).join('\n');
  return new TunneldError('CONFIG_INVALID', `${file} has ${lines.length} mistakes:\n${list}`);
}

function sentence({ path, what }: Mistake): string {
  return path.length === 0 ? what : `${path.join('.')}: ${what}`;
}
