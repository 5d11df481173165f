import type { Awaited, Read } from './answer-reader.ts';

export interface Question {
  readonly url: URL;
  readonly method: 'GET' | 'POST' | 'DELETE' | 'OPTIONS';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly awaits: Awaited;
}

export interface Answer extends Read {
  readonly status: number;
  /** First value of a header, by lower-case name. */
  header(name: string): string | undefined;
  /** From asking to having what was waited for (milliseconds). */
  readonly latencyMs: number;
  /** The head came, the body broke off or ran out of time. */
  readonly cut?: unknown;
}
