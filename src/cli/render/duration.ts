import { readDuration } from '../../core/duration.ts';
import { TunneldError } from '../../core/errors.ts';

/**
 * Reads the duration of an option.
 *
 * @returns milliseconds
 * @throws {TunneldError} `USAGE`, naming the option
 */
export function parseDuration(option: string, text: string): number {
  const read = readDuration(text);
  if ('ms' in read) return read.ms;
  throw new TunneldError('USAGE', `${option}=${text} ${read.fault}`, {
    remedy: 'Durations are written like 500ms, 30s, 5m, 1h or 7d.',
  });
}
