/** Sent before anything is known of the way. */
const FIRST_ALLOWANCE_BYTES = 131_072;
const LEAST_ALLOWANCE_BYTES = 32_768;
/** Bytes between two PINGs: the allowance in sixteen parts, which bounds what word of arrival lags behind. */
const LEAST_STEP_BYTES = 16_384;
/** More than the way holds, so that it never runs dry while word of what arrived comes back. */
const GAIN = 1.2;
/** An allowance for the latency of both event loops (milliseconds). */
const SLACK_MS = 12;
/** On a shorter way nothing is gained: what waits, waits for less than a turn of an event loop. */
const LONG_WAY_MS = 2;
/** Until the rate stops growing, twice what was seen is allowed. */
const SEARCH_GAIN = 2;
const ROUNDS_WITHOUT_GROWTH = 3;
/** How long the highest rate and the shortest round trip count (milliseconds). */
const RATE_WINDOW_MS = 2_000;
const TRIP_WINDOW_MS = 10_000;
/** Far more than any way and its buffers hold: the peer answers no PING, and they must not pile up. */
const MAX_MARKS = 4_096;

/** A PING under way. */
interface Mark {
  /** Bytes sent before it; its PONG says that they arrived. */
  readonly sent: number;
  readonly at: number;
  /** What had arrived when it left, and when that was heard. */
  readonly delivered: number;
  readonly deliveredAt: number;
}

/**
 * How many bytes belong on the way to the peer. More would only wait in the buffers of both systems
 * and of the routers between, and everything else on the link behind them.
 *
 * Rate times round trip, both measured with PINGs between the frames, after BBR (draft-cardwell-
 * iccrg-bbr-congestion-control): the highest rate and the shortest round trip of late.
 */
export class LinkPace {
  /** Round trip, smoothed, with whatever waits on the way (milliseconds). */
  tripMs: number | undefined;
  /** The shortest round trip (milliseconds): the way itself. */
  shortestTripMs: number | undefined;
  /** Bytes that may be sent in all until more are known to have arrived. */
  sendUntil = FIRST_ALLOWANCE_BYTES;
  readonly #marks: Mark[] = [];
  #delivered = 0;
  #deliveredAt: number;
  #allowance = FIRST_ALLOWANCE_BYTES;
  /** Bytes a millisecond. */
  readonly #rate: WindowedBest;
  readonly #recentTrip: WindowedBest;
  /** What was sent in all when the allowance was last used up. */
  #fullAt = 0;
  #searching = true;
  #grownTo = 0;
  #roundsWithoutGrowth = 0;
  #roundEnd = 0;
  #off = false;

  constructor(now: number) {
    this.#deliveredAt = now;
    this.#rate = new WindowedBest(Math.max, RATE_WINDOW_MS);
    this.#recentTrip = new WindowedBest(Math.min, TRIP_WINDOW_MS);
  }

  /** The way is longer than what an event loop takes. */
  get isLong(): boolean {
    return (this.shortestTripMs ?? 0) >= LONG_WAY_MS;
  }

  /** PINGs that were not answered yet. */
  get waiting(): number {
    return this.#marks.length;
  }

  /** How long the oldest of them has been (milliseconds). */
  waitingMs(now: number): number {
    const [oldest] = this.#marks;
    return oldest === undefined ? 0 : now - oldest.at;
  }

  /** A PING should follow when so many bytes were sent in all. */
  get nextMark(): number {
    if (this.#off) return Number.POSITIVE_INFINITY;
    return (this.#marks.at(-1)?.sent ?? this.#delivered) + Math.max(LEAST_STEP_BYTES, this.#allowance >>> 4);
  }

  /** A PING leaves behind so many bytes. */
  mark(sent: number, now: number): void {
    if (this.#marks.length >= MAX_MARKS) this.giveUp();
    if (this.#off) return;
    // What was idle before says nothing of the rate.
    if (this.#marks.length === 0 && sent - this.#delivered < this.#allowance / 2) this.#deliveredAt = now;
    this.#marks.push({ sent, at: now, delivered: this.#delivered, deliveredAt: this.#deliveredAt });
  }

  /** A stream had to wait for the pace alone: the socket would have taken more. */
  full(sent: number): void {
    this.#fullAt = sent;
  }

  /** The oldest PING was answered. */
  arrived(now: number): void {
    const mark = this.#marks.shift();
    if (mark === undefined) return;
    this.#noteTrip(now - mark.at, now);
    const busy = this.#fullAt > mark.delivered;
    const elapsedMs = now - mark.deliveredAt;
    if (elapsedMs > 0) this.#rate.note((mark.sent - mark.delivered) / elapsedMs, now, busy);
    this.#delivered = mark.sent;
    this.#deliveredAt = now;
    if (busy) this.#search(mark);
    this.#allow();
  }

  /** The peer does not answer PINGs as it should: only the socket limits from now on. */
  giveUp(): void {
    this.#off = true;
    this.#marks.length = 0;
    this.sendUntil = Number.POSITIVE_INFINITY;
  }

  #noteTrip(tripMs: number, now: number): void {
    this.tripMs = this.tripMs === undefined ? tripMs : this.tripMs + (tripMs - this.tripMs) / 4;
    const recent = this.#recentTrip.note(tripMs, now, true);
    const shortest = this.shortestTripMs ?? tripMs;
    // Our own queue explains no more than this: the way has become longer.
    const longer = recent > shortest * 1.5 + 2 * SLACK_MS;
    this.shortestTripMs = longer ? recent : Math.min(shortest, tripMs);
  }

  #search(mark: Mark): void {
    if (!this.#searching || mark.sent < this.#roundEnd) return;
    this.#roundEnd = Math.max(this.#fullAt, mark.sent);
    if (this.#rate.value >= this.#grownTo * 1.25) {
      this.#grownTo = this.#rate.value;
      this.#roundsWithoutGrowth = 0;
      return;
    }
    this.#roundsWithoutGrowth += 1;
    this.#searching = this.#roundsWithoutGrowth < ROUNDS_WITHOUT_GROWTH;
  }

  #allow(): void {
    const gain = this.#searching ? SEARCH_GAIN : GAIN;
    const wayMs = (this.shortestTripMs ?? 0) * gain + SLACK_MS;
    const wanted = Math.max(LEAST_ALLOWANCE_BYTES, this.#rate.value * wayMs);
    this.#allowance = this.#searching ? Math.max(this.#allowance, wanted) : wanted;
    this.sendUntil = this.isLong ? this.#delivered + this.#allowance : Number.POSITIVE_INFINITY;
    // No answer will come that could let anybody go on: a little more, with a PING behind it.
    if (this.#marks.length === 0) this.sendUntil = Math.max(this.sendUntil, this.#fullAt + LEAST_STEP_BYTES);
  }
}

/** The highest, or lowest, of the values of the last one to two windows. */
class WindowedBest {
  readonly #better: (a: number, b: number) => number;
  readonly #windowMs: number;
  #now: number | undefined;
  #before: number | undefined;
  #since = 0;

  constructor(better: (a: number, b: number) => number, windowMs: number) {
    this.#better = better;
    this.#windowMs = windowMs;
  }

  get value(): number {
    if (this.#now === undefined) return this.#before ?? 0;
    return this.#before === undefined ? this.#now : this.#better(this.#now, this.#before);
  }

  /** @param ages whether older values may be forgotten for this one */
  note(value: number, now: number, ages: boolean): number {
    if (this.#now === undefined) this.#since = now;
    else if (ages && now - this.#since >= this.#windowMs) {
      this.#before = this.#now;
      this.#now = undefined;
      this.#since = now;
    }
    this.#now = this.#now === undefined ? value : this.#better(this.#now, value);
    return this.value;
  }
}
