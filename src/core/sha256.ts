import { createHash } from 'node:crypto';

/** @returns 64 lower-case hexadecimal digits */
export function sha256Hex(text: string, encoding: 'utf8' | 'latin1' = 'utf8'): string {
  return createHash('sha256').update(text, encoding).digest('hex');
}
