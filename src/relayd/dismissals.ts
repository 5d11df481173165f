import type { Clock } from '../core/clock.ts';
import type { Authorization, Authorize } from '../relay/edge/authorization.ts';

/** The largest number of refusals at the same time; the operator makes each by hand. */
const MAX_NAMES = 1_000;

/** Names that the operator refuses for a time. */
export class Dismissals {
  readonly #clock: Clock;
  /** Name → when it may come back (monotonic). */
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The names that are refused now, with the seconds that are left. */
  get all(): readonly { readonly name: string; readonly seconds: number }[] {
    const now = this.#clock.monotonic();
    return [...this.#until].flatMap(([name, until]) =>
      until > now ? [{ name, seconds: Math.ceil((until - now) / 1_000) }] : [],
    );
  }

  /** @param forMs 0 lets it come back at once */
  refuse(name: string, forMs: number): void {
    this.#until.delete(name);
    if (forMs > 0) this.#until.set(name, this.#clock.monotonic() + forMs);
    for (const oldest of this.#until.keys()) {
      if (this.#until.size <= MAX_NAMES) break;
      this.#until.delete(oldest);
    }
  }

  /** Wraps an authorizer: agents of refused names are told to try again later. */
  over(authorize: Authorize): Authorize {
    return async (registration) => this.#judge(await authorize(registration), registration.name);
  }

  #judge(answer: Authorization, wanted: string): Authorization {
    if (!answer.ok) {
      if (answer.offer === undefined) return answer;
      const { patterns, pick } = answer.offer;
      return { ...answer, offer: { patterns, pick: (name) => this.#judge(pick(name), name) } };
    }
    const name = answer.name ?? wanted;
    const left = this.#secondsLeft(name);
    if (left === 0) return answer;
    const detail = `the operator keeps ${name} off for ${left} s more`;
    return { ok: false, reason: 'suspended', detail };
  }

  #secondsLeft(name: string): number {
    const left = (this.#until.get(name) ?? 0) - this.#clock.monotonic();
    if (left > 0) return Math.ceil(left / 1_000);
    this.#until.delete(name);
    return 0;
  }
}
