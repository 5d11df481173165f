import ms from 'ms';
import { TunneldError } from '../../core/errors.ts';

/**
 * Reads `30s`, `5m`, `1h` or a bare number of seconds, as people type them.
 *
 * @returns milliseconds
 * @throws {TunneldError} `USAGE`, naming the option
 */
export function parseDuration(option: string, text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1_000 : ms(text as ms.StringValue);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new TunneldError('USAGE', `${option}=${text} is not a duration`, {
    remedy: 'Write it like 30s, 5m or 1h.',
  });
}
