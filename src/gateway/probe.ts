import { equalsInConstantTime } from '../access/compare.ts';

/**
 * Recognises our own health probe: `X-Tunneld-Probe: <key>.<nonce>`.
 *
 * @returns the nonce, which the answer repeats; undefined for any other request
 */
export function probeNonce(header: string | undefined, key: string): string | undefined {
  if (header === undefined) return undefined;
  const dot = header.lastIndexOf('.');
  const nonce = header.slice(dot + 1);
  if (dot < 0 || !equalsInConstantTime(header.slice(0, dot), key)) return undefined;
  return NONCE.test(nonce) ? nonce : undefined;
}

const NONCE = /^[A-Za-z0-9_-]{1,64}$/;
