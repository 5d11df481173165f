import type { Clock } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import { type Meaning, meaningOf, pageOf } from './error-table.ts';
import './errors.ts';

/** ngrok forgets a session that ended without a word after 30 to 60 s; twice that is no ghost any more. */
const GHOST_MS = 120_000;

/** What ngrok said, cleaned of secrets. */
export interface Said {
  readonly message: string;
  /** Such as `ERR_NGROK_334`; absent when ngrok was not reached. */
  readonly code?: string;
}

/** Turns what ngrok said into a failure of ours. Remembers, because the second time may mean something else. */
export class Failures {
  readonly #clock: Clock;
  #repeated: { readonly code: string; readonly since: number; readonly last: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A session opened: whatever stood in the way is gone. */
  forget(): void {
    this.#repeated = undefined;
  }

  /** @param holders the other tunnels on the same account */
  of({ message, code }: Said, holders: readonly string[]): TunneldError {
    if (code === undefined)
      return new TunneldError('NGROK_UNREACHABLE', `ngrok could not be reached: ${tidy(message)}`);
    const meaning = meaningOf(code);
    const ours = this.#isOver(code, meaning) ? (meaning.afterwards ?? meaning.code) : meaning.code;
    const text = `${tidy(message)} (${code})${sharing(meaning, holders)}`;
    return new TunneldError(ours, text, {
      remedy: `${meaning.remedy}. See ${pageOf(code)}`,
      ...(meaning.waitMs === undefined ? {} : { retryAfterMs: meaning.waitMs }),
    });
  }

  #isOver(code: string, { retry }: Meaning): boolean {
    if (retry !== 'ghost' && retry !== 'once') return false;
    const now = this.#clock.monotonic();
    const before = this.#repeated;
    const goesOn = before?.code === code && now - before.last < GHOST_MS;
    const since = goesOn ? before.since : now;
    const over = goesOn && (retry === 'once' || now - since >= GHOST_MS);
    // An attempt after giving up gets the whole patience again.
    this.#repeated = over ? undefined : { code, since, last: now };
    return over;
  }
}

function sharing({ limit }: Meaning, holders: readonly string[]): string {
  if (limit === undefined) return '';
  const held =
    holders.length === 0 ? 'no other tunnel of this daemon draws on it' : `held by ${holders.join(', ')}`;
  return `; the account's limit of ${limit}, ${held}`;
}

/** The SDK wraps what ngrok said in words of its own, and quotes a Rust structure after `join`. */
export function tidy(text: string): string {
  const quoted = /ListenerClosed \{ message: "((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
  return (quoted ?? text)
    .replace(/^failed to (?:connect session|start listener): /, '')
    .replace(/\s*error_code: ERR_NGROK_\d+\s*$/, '')
    .replace(/\\n|\s+/g, ' ')
    .replace(/\s*\bERR_NGROK_\d+\s*$/, '')
    .trim();
}
