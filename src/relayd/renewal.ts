import type { Clock, Timer } from '../core/clock.ts';
import type { Authorization, Authorize } from '../relay/edge/authorization.ts';
import type { RelayServer } from '../relay/edge/relay-server.ts';

/** Agents are asked at this pace: all at once would be a flood. */
const RENEWALS_PER_SECOND = 50;
/** How long they have for it (milliseconds). */
const RENEWAL_MS = 30_000;

const REASON = 'who may register is decided elsewhere now: register again';

/** Has every agent register again. A link that did not in time is disconnected. */
export class Renewal {
  readonly #clock: Clock;
  /** Who was admitted since it began. */
  readonly #admitted = new Set<string>();
  #stop = new AbortController();
  #deadline: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#stop.abort();
  }

  /** Wraps an authorizer, and remembers who was admitted while a renewal goes on. */
  over(authorize: Authorize): Authorize {
    return async (registration) => {
      const { signal } = this.#stop;
      return this.#note(await authorize(registration), registration.name, signal);
    };
  }

  /** Starts a renewal in place of one that is still going on. */
  start(server: Pick<RelayServer, 'tunnels' | 'shed' | 'disconnect'>): void {
    this.stop();
    const stop = new AbortController();
    const { signal } = stop;
    this.#stop = stop;
    void server.shed({ reason: REASON, perSecond: RENEWALS_PER_SECOND, signal }).then(() => {
      if (signal.aborted) return;
      this.#deadline = this.#clock.setTimer(() => {
        for (const { name, identity } of server.tunnels) {
          // Not for good: an agent that was too late may register when it dials again.
          if (!this.#admitted.has(keyOf(name, identity))) server.disconnect(name, { reason: REASON });
        }
        this.stop();
      }, RENEWAL_MS);
    });
  }

  /** Cancels the renewal: no link is disconnected any more. */
  stop(): void {
    this.#stop.abort();
    this.#deadline?.cancel();
    this.#admitted.clear();
  }

  /** @param asked aborted by now: the renewal was cancelled or replaced */
  #note(answer: Authorization, wanted: string, asked: AbortSignal): Authorization {
    if (answer.ok) {
      if (!asked.aborted) this.#admitted.add(keyOf(answer.name ?? wanted, answer.identity));
      return answer;
    }
    if (answer.offer === undefined) return answer;
    const { patterns, pick } = answer.offer;
    return { ...answer, offer: { patterns, pick: (name) => this.#note(pick(name), name, asked) } };
  }
}

function keyOf(name: string, identity: string): string {
  return `${name} ${identity}`;
}
