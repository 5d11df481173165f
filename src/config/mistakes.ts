import { distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import { configJsonSchema } from './json-schema.ts';

/** One thing that is wrong with what the user wrote. */
export interface Mistake {
  /** The key it is about; for an unknown key, that key. Empty for the whole. */
  readonly path: readonly string[];
  readonly what: string;
  /** Set where a rule has an error code of its own. */
  readonly code?: string;
}

/**
 * Every mistake zod found, one each, unknown keys with the key that was probably meant.
 *
 * @param at where the checked value sits in the configuration, to know which keys belong there.
 */
export function mistakesOf(error: z.ZodError, at: readonly string[] = []): Mistake[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map(String);
    switch (issue.code) {
      case 'unrecognized_keys':
        return issue.keys.map((key) => ({ path: [...path, key], what: unknownKey(key, [...at, ...path]) }));
      case 'custom':
        return { path, what: issue.message, ...codeOf(issue.params) };
      default:
        return { path, what: plainWords(issue.message) };
    }
  });
}

function plainWords(message: string): string {
  return message
    .replace(/^Invalid (?:input|option): e/, 'E')
    .replace(/xpected (?:object|record), received/, 'xpected keys below this one, received')
    .replace(/received (?:null|undefined)$/, 'found nothing');
}

function codeOf(params: Record<string, unknown> | undefined): { code?: string } {
  const code = params?.['errorCode'];
  return typeof code === 'string' ? { code } : {};
}

/** What is wrong with the name of a key, not with its value; undefined for one that exists. */
export function faultOfKey(path: readonly string[], at: readonly string[]): string | undefined {
  for (const [index, segment] of path.entries()) {
    const above = [...at, ...path.slice(0, index)];
    if (!keysAt(above).includes(segment)) return unknownKey(segment, above);
  }
  return undefined;
}

function unknownKey(key: string, at: readonly string[]): string {
  const known = keysAt(at);
  const [best] = known
    .map((candidate) => ({ candidate, off: distance(key.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.off - b.off);
  // Farther than that, a suggestion is a guess about what the user wants, not about what they typed.
  if (best !== undefined && best.off <= Math.max(2, Math.floor(key.length / 3))) {
    return `Unknown key; did you mean "${best.candidate}"?`;
  }
  return known.length === 0
    ? 'Unknown key; there are none below this one'
    : `Unknown key; known here: ${known.join(', ')}`;
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | false;
}

function keysAt(path: readonly string[]): string[] {
  let node = configJsonSchema() as SchemaNode | undefined;
  for (const segment of path) {
    node = node?.properties?.[segment] ?? (node?.additionalProperties || undefined);
  }
  return Object.keys(node?.properties ?? {});
}
