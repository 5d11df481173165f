import { Writable } from 'node:stream';
import type { Logger } from '../../core/log.ts';
import type { Engine } from './engine.ts';
import { LineCutter } from './log-lines.ts';
import type { Redactor } from './redactor.ts';

/** Lines kept from the start: the greeting, and whatever stands where one should be. */
const KEPT = 200;
/** Beyond this many lines in a window the rest is counted, not written: visitors cause lines. */
const WINDOW_LINES = 100;
const WINDOW_MS = 10_000;

/** Follows what a container prints, into the tunnel's log, with secrets replaced. */
export class ContainerLog {
  readonly #id: string;
  readonly #redact: Redactor;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #stopped = new AbortController();
  readonly #start: string[] = [];
  #lastError = '';
  #window = { since: 0, lines: 0, dropped: 0 };
  /** Settles when the stream that is being followed has ended. */
  ended: Promise<void> = Promise.resolve();

  /** @param now monotonic milliseconds. */
  constructor(id: string, redact: Redactor, log: Logger, now: () => number) {
    this.#id = id;
    this.#redact = redact;
    this.#log = log;
    this.#now = now;
  }

  /** The first lines, redacted. */
  get start(): readonly string[] {
    return this.#start;
  }

  /** The last line on stderr, redacted: only the client writes there, no visitor's text. */
  get lastError(): string {
    return this.#lastError;
  }

  /** @param sinceSeconds Unix time from which to read; 0 reads all there is. */
  async follow(engine: Engine, sinceSeconds: number): Promise<void> {
    const options = {
      follow: true as const,
      stdout: true,
      stderr: true,
      since: sinceSeconds,
      abortSignal: this.#stopped.signal,
    };
    const container = engine.docker.getContainer(this.#id);
    const stream = await engine.call('follow its log', () => container.logs(options));
    const out = new LineCutter((line) => this.#line('stdout', line));
    const err = new LineCutter((line) => this.#line('stderr', line));
    engine.docker.modem.demuxStream(stream, sink(out), sink(err));
    this.ended = new Promise((resolve) => {
      const end = () => {
        out.end();
        err.end();
        resolve();
      };
      stream.once('end', end).once('close', end).once('error', end);
    });
  }

  stop(): void {
    this.#stopped.abort();
  }

  #line(stream: 'stdout' | 'stderr', raw: string): void {
    const line = this.#redact(raw);
    if (this.#start.length < KEPT) this.#start.push(line);
    if (stream === 'stderr') this.#lastError = line.slice(0, 300);
    if (this.#mayWrite()) this.#log.info({ stream, line }, 'container says');
  }

  #mayWrite(): boolean {
    const now = this.#now();
    if (now - this.#window.since > WINDOW_MS) {
      const { dropped } = this.#window;
      if (dropped > 0) this.#log.info({ dropped }, 'container said more than is logged');
      this.#window = { since: now, lines: 0, dropped: 0 };
    }
    this.#window.lines += 1;
    if (this.#window.lines <= WINDOW_LINES) return true;
    this.#window.dropped += 1;
    return false;
  }
}

function sink(cutter: LineCutter): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      cutter.push(chunk);
      done();
    },
  });
}
