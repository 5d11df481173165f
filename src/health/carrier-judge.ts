import type { Clock } from '../core/clock.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import * as pace from './pace.ts';
import { Replacements } from './replacements.ts';
import type { CarrierView } from './verdict.ts';
import type { WatchedSession } from './watched-session.ts';

const REPLACED = 'Nothing to do: tunneld replaces the session by itself.';
const IN_VAIN =
  'A new session changed nothing; tunneld tries again with growing pauses. Look at the provider, and at the network of this machine.';

/**
 * What is known of the way to us when this machine does not see it. That alone is no reason to end a
 * session: many machines cannot reach their own public address. Remembers across sessions.
 */
export class CarrierJudge {
  readonly #clock: Clock;
  readonly #visitorStreams: () => number;
  readonly #replacements = new Replacements();
  #visitAt = Number.NEGATIVE_INFINITY;
  /** Since when this machine has seen nothing; undefined while it does. */
  #unseenSince: number | undefined;
  /** Visitors came while this machine saw nothing: that it sees nothing is no news any more. */
  #blind = false;
  /** This machine has seen a public URL of this tunnel: then it can, and not seeing it is news. */
  #seenOnce = false;

  constructor(clock: Clock, visitorStreams: () => number) {
    this.#clock = clock;
    this.#visitorStreams = visitorStreams;
  }

  /** A visitor's request came through the public URL. */
  visited(): void {
    this.#visitAt = this.#clock.monotonic();
    if (this.#unseenSince !== undefined) this.#blind = true;
  }

  /** Our own marker came back. */
  seen(): void {
    this.#unseenSince = undefined;
    this.#blind = false;
    this.#seenOnce = true;
    this.#replacements.proven();
  }

  /** A look that began at `at` (monotonic) saw nothing of us. */
  unseen(at: number): void {
    this.#unseenSince ??= at;
    if (this.#visitAt > this.#unseenSince) this.#blind = true;
  }

  /** No probe is needed: visitors show it. */
  get visitedLately(): boolean {
    const lately = this.#clock.monotonic() - this.#visitAt < pace.VISIT_FRESH_MS;
    return (lately && this.#blind) || this.#visitorStreams() > 0;
  }

  view(session: WatchedSession | undefined): CarrierView {
    if (session === undefined) return { kind: 'unknown', detail: '' };
    if (this.visitedLately) return { kind: 'works', proof: 'visitors get through' };
    const { last } = session.edge;
    if (last.kind === 'reached') return { kind: 'works', proof: 'the provider sees it work' };
    const helps = this.#mayHelp(session);
    const next = helps ? REPLACED : IN_VAIN;
    if (last.kind === 'failed') return { kind: 'broken', detail: last.detail, next };
    if (this.#blind) return { kind: 'works', proof: 'visitors got through while this machine saw nothing' };
    if (helps || this.#seenOnce || isLoopbackHost(session.publicUrl.hostname)) {
      return { kind: 'broken', detail: '', next };
    }
    return { kind: 'unknown', detail: `no visitor has come, and ${last.detail}` };
  }

  /** Whether to give the reason to replace `session` now; remembers that it was given. */
  asksToReplace(session: WatchedSession): boolean {
    const now = this.#clock.monotonic();
    const again = session.replaceAskedAt > Number.NEGATIVE_INFINITY;
    if (again ? now - session.replaceAskedAt < pace.REPLACE_AGAIN_MS : !this.#replacements.mayHelp(now)) {
      return false;
    }
    if (!again) this.#replacements.asked(now);
    session.replaceAskedAt = now;
    return true;
  }

  #mayHelp(session: WatchedSession): boolean {
    const asked = session.replaceAskedAt > Number.NEGATIVE_INFINITY;
    return asked || this.#replacements.mayHelp(this.#clock.monotonic());
  }
}
