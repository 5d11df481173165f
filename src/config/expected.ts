/**
 * For `error` of a schema: what was expected, and what is there instead. Not for secrets, which would
 * be shown.
 *
 * @param what `a whole number`
 */
export function expected(what: string): (issue: { readonly input?: unknown }) => string {
  return ({ input }) => `Expected ${what}, found ${inWords(input)}`;
}

/** What is there in the words of a file: never more than one line. */
function inWords(input: unknown): string {
  if (input === undefined || input === null) return 'nothing';
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object') return 'keys below this one';
  return typeof input === 'string' ? JSON.stringify(input) : String(input);
}
