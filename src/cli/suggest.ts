/**
 * The known word closest to a misspelt one, or undefined when none is close enough to be meant.
 *
 * Loaded only when something is wrong, so that a right command line does not pay for it.
 */
export async function nearest(word: string, known: readonly string[]): Promise<string | undefined> {
  const prefixed = known.filter((candidate) => word.length > 1 && candidate.startsWith(word));
  if (prefixed.length === 1) return prefixed[0];
  const { closest, distance } = (await import('fastest-levenshtein')).default;
  if (known.length === 0) return undefined;
  const candidate = closest(word, known);
  // One slip in three letters, and at least a transposition, counts as a misspelling.
  return distance(word, candidate) <= Math.max(2, Math.floor(candidate.length / 3)) ? candidate : undefined;
}
