import type { Secret } from '../core/secret.ts';

/** Shorter values would hit ordinary words. */
const SHORTEST = 8;

/**
 * Takes known secrets out of text by value: the backstop for what providers and servers write, where
 * no field name gives a secret away.
 */
export class Redactor {
  readonly #values = new Set<string>();

  /** Never forgets: a rotated token may still turn up in somebody's message. */
  add(secret: Secret): void {
    const value = secret.reveal();
    if (value.length >= SHORTEST) this.#values.add(value);
  }

  clean(text: string): string {
    let cleaned = text;
    for (const value of this.#values) {
      if (cleaned.includes(value)) cleaned = cleaned.replaceAll(value, '[redacted]');
    }
    return cleaned;
  }
}
