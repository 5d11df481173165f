import type { Secret } from './secret.ts';

const REDACTED = '[redacted]';

/** Shorter values appear in innocent text by chance; replacing them would only garble it. */
const SHORTEST = 6;

/**
 * Removes known secrets from text that others wrote: a provider's error, a program's output.
 *
 * Redaction by field name cannot help there; by value it can, whatever the text looks like.
 */
export class Redactor {
  readonly #values = new Set<string>();
  #pattern: RegExp | undefined;

  add(secret: Secret): void {
    const value = secret.reveal();
    if (value.length < SHORTEST) return;
    this.#values.add(value);
    // The form it takes when the text quotes a URL.
    this.#values.add(encodeURIComponent(value));
    this.#pattern = anyOf([...this.#values]);
  }

  clean(text: string): string {
    return this.#pattern === undefined ? text : text.replace(this.#pattern, REDACTED);
  }
}

/** Longest first: a secret that begins with another must not leave its tail behind. */
function anyOf(values: readonly string[]): RegExp {
  const escaped = [...values]
    .sort((a, b) => b.length - a.length)
    .map((value) => value.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  return new RegExp(escaped.join('|'), 'g');
}
