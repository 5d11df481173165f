import { z } from 'zod';

/**
 * Which keys of a schema hold secrets is said where the key is defined, by `secret()`. Masking,
 * file modes and redaction all walk the schema, so that a new key cannot be forgotten by one of them.
 */

/** Where in the text of a key its secret begins. */
export interface SecretPart {
  readonly start: number;
  /** As a literal it is an everyday word more often than not: masked, but not taken out of logs. */
  readonly everyday?: boolean;
}

/**
 * @param path where the text is below the marked key: empty unless the key holds lists or keys of its own
 * @returns undefined when this text holds no secret
 */
export type FindSecret = (text: string, path: readonly string[]) => SecretPart | undefined;

/** One key that holds secrets. */
export interface SecretField {
  /** `*` stands for every entry of a list or of a record. */
  readonly path: readonly string[];
  readonly find: FindSecret;
}

const marks = z.registry<{ readonly find: FindSecret }>();

/** Marks a key as secret; without `find`, the whole of its text. */
export function secret<Schema extends z.ZodType>(schema: Schema, find: FindSecret = whole): Schema {
  marks.add(schema, { find });
  return schema;
}

/** `name: value` and `user:password`: what follows the first colon. */
export function afterColon(text: string): SecretPart {
  const [, name = ''] = /^([^:]*: *)/.exec(text) ?? [];
  return { start: name.length };
}

/** Whether a secret is written elsewhere: `env:NAME` or `file:PATH`. */
export function isReference(text: string): boolean {
  return /^(?:env|file):/.test(text);
}

function whole(): SecretPart {
  return { start: 0 };
}

const known = new WeakMap<z.core.$ZodType, readonly SecretField[]>();

/** Every key below `schema` that was marked with `secret`. */
export function secretFieldsOf(schema: z.core.$ZodType): readonly SecretField[] {
  const before = known.get(schema);
  if (before !== undefined) return before;
  const found = [...fieldsBelow(schema, [])];
  known.set(schema, found);
  return found;
}

function* fieldsBelow(schema: z.core.$ZodType, path: readonly string[]): Iterable<SecretField> {
  const mark = marks.get(schema);
  if (mark !== undefined) {
    yield { path, find: mark.find };
    return;
  }
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'object':
      for (const [key, value] of Object.entries(def.shape)) yield* fieldsBelow(value, [...path, key]);
      return;
    case 'array':
      yield* fieldsBelow(def.element, [...path, '*']);
      return;
    case 'record':
      yield* fieldsBelow(def.valueType, [...path, '*']);
      return;
    case 'union':
      for (const option of def.options) yield* fieldsBelow(option, path);
      return;
    case 'pipe':
      yield* fieldsBelow(def.in, path);
      return;
    case 'optional':
    case 'default':
    case 'prefault':
    case 'nullable':
    case 'readonly':
      yield* fieldsBelow(def.innerType, path);
      return;
    case 'string':
    case 'number':
    case 'boolean':
    case 'enum':
    case 'literal':
    case 'unknown':
      return;
    default:
      // A kind of key that is silently skipped might hold a secret.
      throw new Error(`secretFieldsOf does not know schemas of type "${def.type}" (${path.join('.')})`);
  }
}

export interface FoundSecret {
  /** Where it is, keys and numbers of list entries. */
  readonly path: readonly string[];
  /** The whole text of the key. */
  readonly text: string;
  readonly part: SecretPart;
}

/** The secrets in `value`, which need not be valid. */
export function secretsIn(schema: z.core.$ZodType, value: unknown): readonly FoundSecret[] {
  const found: FoundSecret[] = [];
  replaceSecrets(schema, value, (secret) => {
    found.push(secret);
    return secret.text;
  });
  return found;
}

/** A copy of `value` with other texts for its secrets. `value` need not be valid. */
export function replaceSecrets<T>(
  schema: z.core.$ZodType,
  value: T,
  replace: (secret: FoundSecret) => string,
): T {
  const visitLeaves = (leaf: unknown, find: FindSecret, at: readonly string[], below: readonly string[]) =>
    mapLeaves(leaf, below, (text, path) => {
      const part = find(text, path);
      return part === undefined ? text : replace({ path: [...at, ...path], text, part });
    });
  return secretFieldsOf(schema).reduce<unknown>(
    (sum, { path, find }) => mapAt(sum, path, [], (leaf, at) => visitLeaves(leaf, find, at, [])),
    value,
  ) as T;
}

type Change = (value: unknown, at: readonly string[]) => unknown;

/** Changes what is at `path`, wherever there is something. */
function mapAt(value: unknown, path: readonly string[], at: readonly string[], change: Change): unknown {
  const [segment, ...rest] = path;
  if (segment === undefined) return change(value, at);
  return mapEntries(value, (entry, key) =>
    segment === '*' || segment === key ? mapAt(entry, rest, [...at, key], change) : entry,
  );
}

function mapLeaves(
  value: unknown,
  at: readonly string[],
  change: (text: string, at: readonly string[]) => string,
): unknown {
  if (typeof value === 'string') return change(value, at);
  return mapEntries(value, (entry, key) => mapLeaves(entry, [...at, key], change));
}

function mapEntries(value: unknown, change: (entry: unknown, key: string) => unknown): unknown {
  if (Array.isArray(value)) return value.map((entry, index) => change(entry, String(index)));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, change(entry, key)]));
}

/** Whether the secret itself is written there, and not where it is. */
export function isLiteral({ text, part }: FoundSecret): boolean {
  const written = text.slice(part.start);
  return written !== '' && !isReference(written);
}
