import type { z } from 'zod';
import { nearest } from '../core/nearest.ts';
import { keysAt } from './schema-forms.ts';

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
 * @param schema what the value was checked against, to know which keys belong there
 */
export function mistakesOf(error: z.ZodError, schema: z.ZodType): Mistake[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map(String);
    switch (issue.code) {
      case 'unrecognized_keys':
        return issue.keys.map((key) => ({
          path: [...path, key],
          what: unknownKey(key, keysAt(schema, path)),
        }));
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

/** What is wrong with the name of a key below `schema`, not with its value; undefined for one that exists. */
export function faultOfKey(path: readonly string[], schema: z.ZodType): string | undefined {
  for (const [index, segment] of path.entries()) {
    const known = keysAt(schema, path.slice(0, index));
    if (!known.includes(segment)) return unknownKey(segment, known);
  }
  return undefined;
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  if (near !== undefined) return `Unknown key; did you mean "${near}"?`;
  return known.length === 0
    ? 'Unknown key; there are none below this one'
    : `Unknown key; known here: ${known.join(', ')}`;
}
