import { parse } from 'yaml';
import { tunnelSchema } from '../config/schema.ts';
import { isLiteral, secretsIn } from '../config/secret-fields.ts';
import { usage } from './parse.ts';
import type { PartOfSpec } from './tunnel-options.ts';

/**
 * `health.timeout=30s access.origins=[https://a.example]` as nested keys. A value is read as the
 * config file would read it.
 *
 * @throws {TunneldError} `USAGE`
 */
export function readAssignments(words: readonly string[]): PartOfSpec {
  const part: Record<string, unknown> = {};
  for (const word of words) {
    const at = word.indexOf('=');
    if (at <= 0) throw usage({ name: 'set' }, `"${word}" is no key=value, such as health.timeout=30s`);
    assign(part, word.slice(0, at).split('.'), readValue(word.slice(at + 1)), word);
  }
  return part;
}

/** @throws {TunneldError} `USAGE`: on a command line everybody on this machine can read it */
export function assertNoLiteralSecret(part: PartOfSpec): void {
  const literal = secretsIn(tunnelSchema, part).find(isLiteral);
  if (literal === undefined) return;
  throw usage(
    { name: 'set' },
    `${literal.path.join('.')} is a secret: give env:NAME or file:PATH, not the secret itself`,
  );
}

function assign(part: Record<string, unknown>, path: readonly string[], value: unknown, word: string): void {
  const [first = '', ...rest] = path;
  if (first === '') throw usage({ name: 'set' }, `"${word}" has a dot too many in its key`);
  if (rest.length === 0) {
    define(part, first, value);
    return;
  }
  const known = Object.hasOwn(part, first) ? part[first] : {};
  const below = typeof known === 'object' && known !== null ? (known as Record<string, unknown>) : {};
  define(part, first, below);
  assign(below, rest, value, word);
}

/** As a property of its own, also for a key called `__proto__`. */
function define(part: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(part, key, { value, enumerable: true, configurable: true, writable: true });
}

function readValue(text: string): unknown {
  try {
    return parse(text) ?? '';
  } catch {
    // `*/10 * * * * *` is an alias to YAML, and a schedule to everybody else.
    return text;
  }
}
