import type { z } from 'zod';
import { Secret } from '../core/secret.ts';
import type { Environment } from './paths.ts';
import { configSchema, type TunnelConfig, tunnelSchema } from './schema.ts';
import { type FoundSecret, isLiteral, isReference, replaceSecrets, secretsIn } from './secret-fields.ts';
import { resolveSecret } from './secrets.ts';

/** What is done with every secret key there is, whoever defined it. */

const MASK = '[redacted]';

/** The configuration for people to see: references stay, literal secrets are masked. */
export function maskSecrets(config: TunnelConfig): TunnelConfig {
  return masked(tunnelSchema, config);
}

/** The same for any schema. @param value need not be valid */
export function masked<T>(schema: z.ZodType, value: T): T {
  return replaceSecrets(schema, value, (found) =>
    isLiteral(found) ? found.text.slice(0, found.part.start) + MASK : found.text,
  );
}

/** Whether the content of a config file, valid or not, has a secret in it that is no reference. */
export function holdsLiteralSecret(content: unknown): boolean {
  return secretsIn(configSchema, content).some(isLiteral);
}

/**
 * The values of all secrets of a tunnel, to keep logs free of them. One that cannot be read is left
 * out: whoever needs it says so.
 */
export function secretValuesOf(config: TunnelConfig, env: Environment): readonly Secret[] {
  return secretValuesIn(tunnelSchema, config, env);
}

/** The same for a value of any schema, in the order of its keys. */
export function secretValuesIn(schema: z.ZodType, value: unknown, env: Environment): readonly Secret[] {
  return secretsIn(schema, value).flatMap((found) => valuesOf(found, env));
}

function valuesOf(found: FoundSecret, env: Environment): Secret[] {
  const written = found.text.slice(found.part.start);
  if (!isReference(written)) return found.part.everyday === true ? [] : [new Secret(written)];
  try {
    const value = resolveSecret(written, env);
    // `env:PAIR` may stand for `user:password` as well as for the password alone.
    const inner = value.reveal().slice(value.reveal().indexOf(':') + 1);
    return [value, new Secret(inner)];
  } catch {
    return [];
  }
}
