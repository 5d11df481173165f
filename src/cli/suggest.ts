import levenshtein from 'fastest-levenshtein';

/**
 * The known word closest to a misspelt one, or undefined when none is close enough to be meant.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const prefixed = known.filter((candidate) => word.length > 1 && candidate.startsWith(word));
  if (prefixed.length === 1) return prefixed[0];
  if (known.length === 0) return undefined;
  const candidate = levenshtein.closest(word, known);
  // One slip in three letters, and at least a transposition, counts as a misspelling.
  return levenshtein.distance(word, candidate) <= Math.max(2, Math.floor(candidate.length / 3))
    ? candidate
    : undefined;
}
