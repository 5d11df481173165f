/** Runs `measure` for every item in every round, reversing the order each time, and gathers the results. */
export async function interleave<T, R>(
  items: readonly T[],
  rounds: number,
  measure: (item: T) => Promise<R>,
): Promise<Map<T, R[]>> {
  const results = new Map<T, R[]>(items.map((item) => [item, []]));
  for (let round = 0; round < rounds; round += 1) {
    // A machine that gets busier during a round must not always hit the same subject.
    const order = round % 2 === 0 ? items : items.toReversed();
    for (const item of order) results.get(item)?.push(await measure(item));
  }
  return results;
}

export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The median of each number of a list of like records. */
export function medians<K extends string>(records: readonly Record<K, number>[]): Record<K, number> {
  const keys = Object.keys(records[0] ?? {}) as K[];
  const entries = keys.map((key) => [key, median(records.map((record) => record[key]))]);
  return Object.fromEntries(entries) as Record<K, number>;
}
