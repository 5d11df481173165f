import { entryText, withTunnel } from '../../config/config-entry.ts';
import { parseConfig, readConfig } from '../../config/load.ts';
import type { Paths } from '../../config/paths.ts';
import { fileForSecret, secretFolder } from '../../config/secret-store.ts';
import { TunneldError } from '../../core/errors.ts';
import { configText, writeAll } from './apply.ts';
import { namesInState } from './known-names.ts';
import { type Plan, planOf } from './plan.ts';
import type { Recipe } from './recipe.ts';
import { cleanerFor, type Imported, shownOf } from './report-lines.ts';
import { readSources } from './sources.ts';

export interface ImportRequest {
  readonly words: readonly string[];
  readonly name: string | undefined;
  readonly port: number | undefined;
  readonly path: string | undefined;
  readonly provider: string | undefined;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly paths: Paths;
  readonly env: NodeJS.ProcessEnv;
  readonly onNote: (note: string) => void;
}

/**
 * Reads, checks, and then writes: the config file is valid before and after, or nothing happened.
 *
 * @throws {TunneldError} `IMPORT_NOT_UNDERSTOOD`, `IMPORT_INCOMPLETE`, `TUNNEL_EXISTS`, `CONFIG_INVALID`,
 *   `CONFIG_UNWRITABLE`, `STATE_UNWRITABLE`, and what the schema or the provider says of the tunnel
 */
export function importTunnel(request: ImportRequest): Imported {
  const recipe = readSources(request.words, request);
  try {
    return imported(recipe, request);
  } catch (error) {
    throw withoutSecrets(error, recipe);
  }
}

function imported(recipe: Recipe, request: ImportRequest): Imported {
  const { paths, env, onNote, dryRun } = request;
  const { configFile, configRequired } = paths;
  const kept = new Set<string>();
  const plan = planOf(recipe, {
    ...request,
    fileFor(label, value) {
      const found = fileForSecret(secretFolder(paths.stateDir), label, value);
      if (found.kept) kept.add(found.file);
      return found.file;
    },
  });
  // What is wrong with the file already is said by itself, with its places.
  const { config } = readConfig(configFile, { optional: !configRequired || isNew(configFile), env, onNote });
  const before = configText(configFile);
  const replaced = assertFree(plan, Object.keys(config.tunnels), request);
  if (!dryRun) {
    const after = withTunnel(before ?? '', plan.name, plan.spec);
    parseConfig(after, configFile, env);
    writeAll({ configFile, before, after, secrets: plan.secrets.filter(({ file }) => !kept.has(file)) });
  }
  const shown = shownOf(plan, recipe);
  const entry = entryText(plan.name, shown.spec as object);
  return { name: plan.name, configFile, shown, secrets: plan.secrets, entry, replaced };
}

/** `--config` may name a file that is to be made. */
function isNew(file: string): boolean {
  return configText(file) === undefined;
}

function assertFree({ name }: Plan, inFile: readonly string[], { force, paths }: ImportRequest): boolean {
  const known = inFile.includes(name);
  if (force) return known;
  if (known) throw new TunneldError('TUNNEL_EXISTS', `${paths.configFile} has a tunnel "${name}" already`);
  if (!namesInState(paths).includes(name)) return false;
  throw new TunneldError('TUNNEL_EXISTS', `There is a tunnel "${name}" already, made with \`tunneld up\``, {
    remedy: `Give another name with --name; or \`tunneld rm ${name}\` first, or --force: the entry of the config file then counts.`,
  });
}

/** What others say of a value may quote it. */
function withoutSecrets(error: unknown, recipe: Recipe): unknown {
  if (!(error instanceof TunneldError)) return error;
  const clean = cleanerFor(recipe);
  const message = clean(error.message);
  if (message === error.message) return error;
  const mistakes = error.mistakes.map((mistake) => ({ ...mistake, what: clean(mistake.what) }));
  return new TunneldError(error.code, message, { remedy: error.remedy, mistakes });
}
