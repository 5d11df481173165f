import { Redactor } from '../../core/redact.ts';
import type { Secret } from '../../core/secret.ts';
import type { NgrokOptions } from './options.ts';

/** @returns what takes a tunnel's secrets out of text that ngrok or its SDK wrote */
export function redaction(
  { authtoken, basicAuth }: NgrokOptions,
  accessTokens: readonly Secret[],
): (text: string) => string {
  const redactor = new Redactor();
  for (const secret of [authtoken, ...basicAuth, ...accessTokens]) {
    if (secret !== undefined) redactor.add(secret);
  }
  // ngrok quotes the authtoken it refuses, shortened or not.
  return (text) => redactor.clean(text).replace(/(authtoken:\s*)\S+/gi, '$1[redacted]');
}
