/** One event that a client may ask for again. */
export interface LoggedEvent {
  readonly id: string;
  readonly stream: number;
  readonly text: string;
}

/** What is kept of one session, together (characters), and how many events. */
const MOST_CHARS = 1_048_576;
const MOST_EVENTS = 512;

/**
 * The last events of one session, for a client that lost its connection and names the last one it
 * saw (`Last-Event-ID`). Bounded: what is older than that is gone, and the client is not told more.
 */
export class EventLog {
  readonly #events: LoggedEvent[] = [];
  #chars = 0;
  #count = 0;

  /** @returns the id of the event, also of one that is too large to be kept */
  add(stream: number, text: string): string {
    const id = `${stream}-${++this.#count}`;
    if (text.length > MOST_CHARS) return id;
    this.#events.push({ id, stream, text });
    this.#chars += text.length;
    while (this.#chars > MOST_CHARS || this.#events.length > MOST_EVENTS) {
      this.#chars -= this.#events.shift()?.text.length ?? 0;
    }
    return id;
  }

  /** The stream that an event was part of; undefined for what is no id of ours. */
  streamOf(id: string): number | undefined {
    const [, stream, count] = /^(\d{1,9})-(\d{1,15})$/.exec(id) ?? [];
    return stream === undefined || Number(count) > this.#count ? undefined : Number(stream);
  }

  /** What that stream had after the event, oldest first. */
  after(id: string): readonly LoggedEvent[] {
    const [stream, count] = id.split('-').map(Number);
    return this.#events.filter(
      (event) => event.stream === stream && Number(event.id.split('-')[1]) > (count ?? 0),
    );
  }
}
