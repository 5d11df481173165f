import { messageOf } from '../core/error-message.ts';
import { TunneldError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';

/** What a relay reads again while it runs. */
export const REREAD = ['configuration', 'tokens', 'certificate'] as const;
export type Reread = (typeof REREAD)[number];

/**
 * What could not be read again. The relay goes on with the last good version, and the operator is told.
 */
export class Problems {
  readonly #log: Logger;
  readonly #found = new Map<Reread, string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Each problem with its cause, which never contains a secret. */
  get all(): Readonly<Partial<Record<Reread, string>>> {
    return Object.fromEntries(this.#found);
  }

  /** Logged when it is a new one. */
  report(what: Reread, error: unknown): void {
    const detail = messageOf(error);
    if (this.#found.get(what) === detail) return;
    this.#found.set(what, detail);
    const known = error instanceof TunneldError ? { code: error.code, remedy: error.remedy } : {};
    // What was read before stays in force.
    this.#log.error({ ...known, detail }, `${what} not read again`);
  }

  /** Whether this problem was logged before. */
  note(what: Reread, error: Error): void {
    this.#found.set(what, error.message);
  }

  solved(what: Reread): void {
    this.#found.delete(what);
  }
}
