import { randomBytes } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { type CheckAnswer, decodeAnswer } from '../link/link-check.ts';

/** The relay itself waits 5 s for our gateway; a slow way takes its time on top (milliseconds). */
const PATIENCE_MS = 10_000;

/** What the relay sees of the tunnel; the same shapes as a provider's `EdgeCheck`. */
export type LinkCheck =
  | { readonly kind: 'reached' }
  | { readonly kind: 'failed'; readonly detail: string }
  | { readonly kind: 'unknown'; readonly detail: string };

interface Pending {
  readonly nonce: string;
  readonly result: Promise<LinkCheck>;
  settle(check: LinkCheck): void;
  /** The relay's request came to us over the link. */
  arrived: boolean;
}

/** Asks the relay over one link how the tunnel looks from there: one question at a time. */
export class LinkChecks {
  readonly #clock: Clock;
  readonly #send: (nonce: string) => void;
  #pending: Pending | undefined;
  #closed = false;

  constructor(clock: Clock, send: (nonce: string) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** Calls at the same time share one answer. Rejects with the signal's reason alone. */
  check(signal: AbortSignal): Promise<LinkCheck> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#closed) return Promise.resolve({ kind: 'unknown', detail: 'the link to the relay is lost' });
    this.#pending ??= this.#ask();
    const { result } = this.#pending;
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      void result.then((check) => {
        signal.removeEventListener('abort', onAbort);
        resolve(check);
      });
    });
  }

  /** Whether a request is the one that the relay makes for us: only the relay knows the nonce. */
  isOurs(nonce: string | undefined): boolean {
    const pending = this.#pending;
    if (pending === undefined || nonce !== pending.nonce) return false;
    pending.arrived = true;
    return true;
  }

  /** @throws {LinkError} `protocol` */
  answered(payload: Buffer): void {
    const answer = decodeAnswer(payload);
    const pending = this.#pending;
    if (pending?.nonce === answer.nonce) pending.settle(meaningOf(answer, pending.arrived));
  }

  close(): void {
    this.#closed = true;
    this.#pending?.settle({ kind: 'unknown', detail: 'the link to the relay is lost' });
  }

  #ask(): Pending {
    const nonce = randomBytes(16).toString('base64url');
    let settle: Pending['settle'] = () => {};
    const result = new Promise<LinkCheck>((resolve) => {
      settle = (check) => {
        timer.cancel();
        this.#pending = undefined;
        resolve(check);
      };
    });
    const timer = this.#clock.setTimer(() => {
      settle({
        kind: 'unknown',
        detail: `the relay did not say within ${PATIENCE_MS / 1_000} s what it sees`,
      });
    }, PATIENCE_MS);
    this.#send(nonce);
    return { nonce, result, settle, arrived: false };
  }
}

function meaningOf({ proven, refused, status, detail }: CheckAnswer, arrived: boolean): LinkCheck {
  if (proven) return { kind: 'reached' };
  if (refused) return { kind: 'unknown', detail: `the relay did not look: ${detail ?? 'no reason given'}` };
  const seen = [
    ...(status === undefined ? [] : [`status ${status}`]),
    ...(detail === undefined ? [] : [detail]),
  ];
  const what = `the relay sees no answer of this gateway (${seen.join(', ') || 'no reason given'})`;
  // It reached us: whatever became of our answer, the way in is open.
  return { kind: arrived ? 'unknown' : 'failed', detail: what };
}
