import { Redactor as KnownValues } from '../../core/redact.ts';
import { Secret } from '../../core/secret.ts';

/** Replaces known secrets in a text, by value. */
export type Redactor = (text: string) => string;

/** @param secrets values that must not be shown; very short ones would blot out ordinary words. */
export function redactor(secrets: readonly string[]): Redactor {
  const known = new KnownValues();
  for (const secret of secrets) known.add(new Secret(secret));
  // Pinggy abbreviates or quotes the token here in a form of its own.
  return (text) => known.clean(text).replace(/same token \([^)]*\)/g, 'same token ([redacted])');
}
