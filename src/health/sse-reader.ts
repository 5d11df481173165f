export interface SseEvent {
  readonly event: string;
  readonly data: string;
}

/**
 * Cuts an event stream into events. Comments, `id:` and `retry:` lines are skipped, and so are
 * events without data: SDK servers begin a stream with such a priming event.
 */
export class SseReader {
  #rest = '';
  #event = '';
  #data: string[] = [];

  /** Takes the next piece of the stream and gives the events it completed. */
  push(text: string): SseEvent[] {
    // A CRLF cut in two must not look like two line ends, so a trailing CR waits for what follows.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    const events: SseEvent[] = [];
    for (const line of lines) {
      if (line !== '') this.#field(line);
      else if (this.#data.length > 0 || this.#event !== '') this.#finish(events);
    }
    return events;
  }

  #field(line: string): void {
    const match = /^(data|event)(?:: ?(.*))?$/s.exec(line);
    if (match?.[1] === 'data') this.#data.push(match[2] ?? '');
    else if (match?.[1] === 'event') this.#event = match[2] ?? '';
  }

  #finish(events: SseEvent[]): void {
    const data = this.#data.join('\n');
    if (data !== '') events.push({ event: this.#event || 'message', data });
    this.#event = '';
    this.#data = [];
  }
}
