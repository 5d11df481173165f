import { type TunnelConfig, tunnelSchema } from '../../config/schema.ts';
import { replaceSecrets, secretsIn } from '../../config/secret-fields.ts';
import { resolveSecret } from '../../config/secrets.ts';
import { assertTunnelName, parseTunnelSpec } from '../../config/tunnel-spec.ts';
import { TunneldError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { kindOf } from '../../providers/kinds.ts';
import { type Note, type Recipe, tunnelNameFrom } from './recipe.ts';

/** What would be written, checked as a whole. */
export interface Plan {
  readonly name: string;
  /** Of the config file; every secret is a `file:` reference. */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly secrets: readonly PlannedSecret[];
  readonly notes: readonly Note[];
  readonly advice: readonly string[];
}

export interface PlannedSecret {
  /** As in the config file: `pinggy.token`. */
  readonly key: string;
  readonly file: string;
  readonly value: Secret;
}

export interface PlanOptions {
  readonly name: string | undefined;
  readonly port: number | undefined;
  readonly path: string | undefined;
  readonly provider: string | undefined;
  /** Names a file of the secrets' folder for a value. */
  fileFor(name: string, value: string): string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Makes an entry of the config file out of what was read.
 *
 * @throws {TunneldError} `IMPORT_INCOMPLETE`, `NAME_INVALID`, and what the schema or the provider says
 */
export function planOf(recipe: Recipe, options: PlanOptions): Plan {
  applyOptions(recipe, options);
  const notes = settleServer(recipe);
  const name = nameOf(recipe, options.name);
  const literal = inOrder(recipe.keys);
  const secrets = secretsIn(tunnelSchema, literal).map(({ path, text, part }): PlannedSecret => {
    const value = text.slice(part.start);
    const label = `${name}.${path.join('-')}`.replace(/[^\w.-]/g, '_');
    return { key: path.join('.'), file: options.fileFor(label, value), value: new Secret(value) };
  });
  const files = new Map(secrets.map(({ key, file }) => [key, file]));
  const spec = replaceSecrets(tunnelSchema, literal, ({ path, text, part }) => {
    return `${text.slice(0, part.start)}file:${files.get(path.join('.'))}`;
  });
  assertUsable(parseTunnelSpec(name, spec), secrets, options.env, recipe);
  return { name, spec, secrets, notes, advice: recipe.advice };
}

function applyOptions(recipe: Recipe, { port, path, provider }: PlanOptions): void {
  const carried = recipe.get('provider');
  if (provider !== undefined && carried !== undefined && provider !== carried) {
    throw new TunneldError('USAGE', `What is imported is for the provider ${carried}, and not ${provider}`, {
      remedy: 'Leave --provider out.',
    });
  }
  if (provider !== undefined) recipe.set('provider', provider);
  if (port !== undefined) {
    delete recipe.keys['url'];
    recipe.carry(`--port ${port}`, 'port', port);
  }
  if (path === undefined) return;
  const url = recipe.get('url');
  if (typeof url === 'string') recipe.carry(`--path ${path}`, 'url', `${new URL(url).origin}${path}`);
  else recipe.carry(`--path ${path}`, 'path', path);
}

/** A line of a tunnel and one of a bridge name the same server twice: the tunnel led to the bridge. */
function settleServer(recipe: Recipe): readonly Note[] {
  const present = ['command', 'url', 'port'].filter((key) => recipe.get(key) !== undefined);
  const [server, ...others] = present;
  if (server === undefined) {
    throw new TunneldError('IMPORT_INCOMPLETE', 'What was imported does not say where the MCP server is', {
      remedy: 'Say at which port it listens: --port PORT.',
    });
  }
  for (const key of others) delete recipe.keys[key];
  // A program over stdio has no Host to be told.
  if (server === 'command' && recipe.get('hostHeader') !== undefined) {
    delete recipe.keys['hostHeader'];
    others.push('hostHeader');
  }
  return recipe.notes.map((note) =>
    note.kind === 'carried' && others.includes(note.key)
      ? { kind: 'same', from: note.from, why: 'the tunnel leads to the server itself' }
      : note,
  );
}

/** As the schema has them, whatever the line said first. */
function inOrder(keys: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const order = Object.keys(tunnelSchema.shape);
  return Object.fromEntries(Object.entries(keys).toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b)));
}

function nameOf(recipe: Recipe, given: string | undefined): string {
  if (given !== undefined) {
    assertTunnelName(given);
    return given;
  }
  const name = recipe.name ?? tunnelNameFrom(`mcp-${recipe.get('port') ?? ''}`);
  if (name !== undefined) return name;
  throw new TunneldError('IMPORT_INCOMPLETE', 'What was imported gives the tunnel no name', {
    remedy: 'Give one: --name NAME.',
  });
}

/** The provider's own rules, before anything is written. Nothing is on the disk yet: values come from here. */
function assertUsable(
  config: TunnelConfig,
  secrets: readonly PlannedSecret[],
  env: NodeJS.ProcessEnv,
  recipe: Recipe,
): void {
  const kind = kindOf(config.provider);
  const values = new Map(secrets.map(({ file, value }) => [`file:${file}`, value]));
  kind.assertUsable({
    config: (config as Readonly<Record<string, unknown>>)[kind.name] as never,
    pages: config.access.origins.length > 0,
    secret: (reference) => values.get(reference) ?? elsewhere(reference, env, recipe),
  });
}

/** A variable that only the daemon has keeps nobody from importing. */
function elsewhere(reference: string, env: NodeJS.ProcessEnv, recipe: Recipe): Secret {
  try {
    return resolveSecret(reference, env);
  } catch (error) {
    if (!(error instanceof TunneldError) || error.code !== 'SECRET_UNAVAILABLE') throw error;
    recipe.advise(`${error.message}; the daemon needs it where it is started.`);
    return new Secret(PLACEHOLDER);
  }
}

/** Looks like most credentials, to the rules that look at their form. */
const PLACEHOLDER = 'placeholder-of-a-secret';
