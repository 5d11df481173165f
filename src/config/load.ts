import { readFile } from 'node:fs/promises';
import { isMap, isScalar, LineCounter, type Node, type Pair, type ParsedNode, parseDocument } from 'yaml';
import { TunneldError } from '../core/errors.ts';
import { applyEnvironment, environmentMistakes } from './environment.ts';
import { type Mistake, mistakesOf } from './mistakes.ts';
import type { Environment } from './paths.ts';
import { closeFile, reasonOf } from './private-files.ts';
import { type Config, configSchema } from './schema.ts';
import { isReference } from './secrets.ts';

export interface LoadOptions {
  /** A file that does not exist counts as an empty one. Off: it is an error. */
  readonly optional?: boolean;
  /** Its `TUNNELD_*` settings win over the file. Default: `process.env`. */
  readonly env?: Environment;
  /** Told when the file held a literal token and had to be closed to others. */
  readonly onNote?: (note: string) => void;
}

/**
 * Reads and checks the whole configuration.
 *
 * @throws {TunneldError} `CONFIG_INVALID` with every mistake, one a line: `file:line:column key: what`
 */
export async function loadConfig(file: string, options: LoadOptions = {}): Promise<Config> {
  const text = await readText(file, options.optional ?? false);
  const env = options.env ?? process.env;
  const config = parseConfig(text, file, env);
  if (holdsLiteralToken(config)) closeFile(file).forEach((note) => void options.onNote?.(note));
  return config;
}

/** The same for text already read. @throws {TunneldError} `CONFIG_INVALID` */
export function parseConfig(text: string, file: string, env: Environment): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  if (document.errors.length > 0) {
    refuse(
      file,
      document.errors.map(({ pos, message }) => {
        const { line, col } = lines.linePos(pos[0]);
        // The library goes on with a drawing of the place, which the position already tells.
        return `${file}:${line}:${col} ${message.split(' at line ')[0]}`;
      }),
    );
  }
  const at = (path: readonly string[]): string => {
    const { line, col } = lines.linePos(offsetOf(document.contents, path));
    return `${file}:${line}:${col}`;
  };
  const result = configSchema.safeParse(document.toJS() ?? {});
  const mistakes = result.success ? [] : mistakesOf(result.error);
  const complaints = [
    ...mistakes.map((mistake) => `${at(mistake.path)} ${sentence(mistake)}`),
    ...environmentMistakes(env).map(sentence),
  ];
  if (!result.success || complaints.length > 0) refuse(file, complaints);
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

function refuse(file: string, complaints: readonly string[]): never {
  const [only] = complaints;
  throw new TunneldError(
    'CONFIG_INVALID',
    complaints.length === 1 && only !== undefined
      ? only
      : `${file} has ${complaints.length} mistakes:\n${complaints.map((line) => `  ${line}`).join('\n')}`,
  );
}

function sentence({ path, what }: Mistake): string {
  return path.length === 0 ? what : `${path.join('.')}: ${what}`;
}

/** Where the key `path` is written; where the nearest key around it is, when it is missing. */
function offsetOf(root: ParsedNode | null, path: readonly string[]): number {
  let node: Node | null = root;
  let offset = root?.range[0] ?? 0;
  for (const segment of path) {
    const pair: Pair<unknown, unknown> | undefined = isMap(node)
      ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === segment)
      : undefined;
    if (pair === undefined) break;
    offset = (pair.key as Node).range?.[0] ?? offset;
    node = pair.value as Node | null;
  }
  return offset;
}

function holdsLiteralToken(config: Config): boolean {
  return Object.values(config.tunnels).some(
    ({ access }) => access.token !== undefined && !isReference(access.token),
  );
}
