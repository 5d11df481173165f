import levenshtein from 'fastest-levenshtein';

/**
 * The known word closest to a misspelt one, or undefined when none is close enough to be meant.
 * Upper and lower case count as the same.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const prefixed = known.filter((candidate) => word.length > 1 && candidate.startsWith(word));
  if (prefixed.length === 1) return prefixed[0];
  const lower = word.toLowerCase();
  const [best] = known
    .map((candidate) => ({ candidate, off: levenshtein.distance(lower, candidate.toLowerCase()) }))
    .sort((a, b) => a.off - b.off);
  if (best === undefined) return undefined;
  // One slip in three letters, and at least a transposition, counts as a misspelling. Anything
  // farther is a guess about what the user wants, not about what was typed.
  return best.off <= Math.max(2, Math.floor(best.candidate.length / 3)) ? best.candidate : undefined;
}
