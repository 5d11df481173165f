const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/**
 * How long ago `at` was, in its largest unit: `3m`, `2h`. Both in Unix milliseconds.
 *
 * Four lines of our own instead of a package: `tunneld status` would load it at every start.
 */
export function age(at: number, now: number): string {
  const [unit, size] = UNITS.find(([, unitMs]) => now - at >= unitMs) ?? [];
  return unit === undefined ? 'now' : `${Math.floor((now - at) / size)}${unit}`;
}
