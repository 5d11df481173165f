import ms, { type StringValue } from 'ms';

/** A duration that was read, or what is wrong with it: half a sentence, such as `has no unit: …`. */
export type ReadDuration = { readonly ms: number } | { readonly fault: string };

/**
 * Reads a duration as users write it: `500ms`, `30s`, `5m`, `1h`, `7d`, or `0`. The same rule holds
 * for options, variables, files and query strings. A number without a unit is refused: some would mean
 * seconds by it and others milliseconds.
 */
export function readDuration(text: string): ReadDuration {
  const written = text.trim();
  if (written === '0') return { ms: 0 };
  if (/^\d{1,15}(?:\.\d+)?$/.test(written)) {
    return { fault: `has no unit: write ${written}s for seconds or ${written}ms for milliseconds` };
  }
  // The library throws on an empty text and on a long one.
  const value = written === '' || written.length > 40 ? undefined : ms(written as StringValue);
  if (value === undefined || !Number.isFinite(value) || value < 0) {
    return { fault: 'is not a duration: write it like 30s, 5m or 1h' };
  }
  return { ms: value };
}
