import { readFile } from 'node:fs/promises';
import { type KeyMistake, TunneldError } from '../core/errors.ts';
import { findKind, KINDS } from '../providers/kinds.ts';
import type { Environment } from './paths.ts';
import { configSchema } from './schema.ts';
import { isReference, secretsIn } from './secret-fields.ts';
import { resolveSecret } from './secrets.ts';
import { YamlText } from './yaml-text.ts';

/**
 * What is wrong with a config file beyond its form, which loading it finds: secrets that cannot be
 * read, providers that do not exist. Valid or not: one mistake does not hide another.
 *
 * @param env where variables are looked for; the daemon's own may be another
 */
export async function deeperMistakes(file: string, env: Environment): Promise<readonly KeyMistake[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const source = new YamlText(text);
  const found = [...unreadableSecrets(source.value, env), ...unknownProviders(source.value)];
  return found.map(({ path, what }) => ({
    key: path.join('.'),
    what,
    place: source.place(source.offsetOf(path)),
  }));
}

interface Mistake {
  readonly path: readonly string[];
  readonly what: string;
}

function unreadableSecrets(value: unknown, env: Environment): readonly Mistake[] {
  return secretsIn(configSchema, value).flatMap(({ path, text, part }) => {
    const written = text.slice(part.start);
    if (!isReference(written)) return [];
    try {
      resolveSecret(written, env);
      return [];
    } catch (error) {
      if (!(error instanceof TunneldError)) throw error;
      const here = written.startsWith('env:') ? ' here; the daemon needs it where it is started' : '';
      return [{ path, what: error.message + here }];
    }
  });
}

function unknownProviders(value: unknown): readonly Mistake[] {
  const { tunnels } = (value ?? {}) as { readonly tunnels?: unknown };
  if (typeof tunnels !== 'object' || tunnels === null) return [];
  return Object.entries(tunnels).flatMap(([name, tunnel]) => {
    const provider: unknown = (tunnel as { provider?: unknown } | null)?.provider;
    if (typeof provider !== 'string' || findKind(provider) !== undefined) return [];
    const known = KINDS.map((kind) => kind.name).join(', ');
    const what = `No provider is called "${provider}"; there are ${known}`;
    return [{ path: ['tunnels', name, 'provider'], what }];
  });
}
