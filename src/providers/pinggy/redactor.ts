/** Replaces known secrets in a text, by value. */
export type Redactor = (text: string) => string;

/** Shorter values would blot out ordinary words. */
const SHORTEST = 4;

/**
 * @param secrets values that must not be shown; percent-encoded and base64 forms are covered too.
 */
export function redactor(secrets: readonly string[]): Redactor {
  const forms = secrets
    .filter((secret) => secret.length >= SHORTEST)
    .flatMap((secret) => [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')]);
  // Longest first: `TOKEN+force` must not be left as `[redacted]+force` by its own prefix.
  const values = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) => {
    const hidden = values.reduce((rest, value) => rest.replaceAll(value, '[redacted]'), text);
    // Pinggy abbreviates or quotes the token here in a form of its own.
    return hidden.replace(/same token \([^)]*\)/g, 'same token ([redacted])');
  };
}
