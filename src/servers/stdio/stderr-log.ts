import { stripVTControlCharacters } from 'node:util';
import type { Clock } from '../../core/clock.ts';

/** Lines in a burst, and how many more each second. */
const BURST = 200;
const PER_SECOND = 50;
/** Of one line (characters). */
const LONGEST = 4_096;

/**
 * What a program writes to standard error, line by line, and no faster than a log can take it. What is
 * left out is counted.
 */
export class StderrLog {
  readonly #clock: Clock;
  readonly #write: (line: string) => void;
  #rest = '';
  #last = '';
  #credit = BURST;
  #at: number;
  #dropped = 0;

  constructor(clock: Clock, write: (line: string) => void) {
    this.#clock = clock;
    this.#write = write;
    this.#at = clock.monotonic();
  }

  /** The last line that says something: why a program ended, as a rule. */
  get last(): string {
    return this.#rest.trim() === '' ? this.#last : printable(this.#rest);
  }

  push(text: string): void {
    const lines = (this.#rest + text).split(/\r?\n/);
    this.#rest = (lines.pop() ?? '').slice(0, LONGEST);
    for (const line of lines) this.#line(line.slice(0, LONGEST));
  }

  end(): void {
    if (this.#rest !== '') this.#line(this.#rest);
    this.#rest = '';
    this.#tellDropped();
  }

  #line(line: string): void {
    const text = printable(line);
    if (text === '') return;
    this.#last = text;
    const now = this.#clock.monotonic();
    this.#credit = Math.min(BURST, this.#credit + ((now - this.#at) / 1_000) * PER_SECOND);
    this.#at = now;
    if (this.#credit < 1) {
      this.#dropped += 1;
      return;
    }
    this.#credit -= 1;
    this.#tellDropped();
    this.#write(text);
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    this.#write(`(${this.#dropped} lines were left out here)`);
    this.#dropped = 0;
  }
}

/** Without colours and other control characters. */
function printable(line: string): string {
  return stripVTControlCharacters(line)
    .replace(/\p{Cc}/gu, ' ')
    .trim();
}
