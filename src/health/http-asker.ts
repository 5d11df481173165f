import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { Agent } from 'undici';
import type { Clock } from '../core/clock.ts';
import { parseAnswer, type RpcAnswer } from './rpc.ts';
import { SseReader } from './sse-reader.ts';

export interface Question {
  readonly url: URL;
  readonly method: 'GET' | 'POST' | 'DELETE' | 'OPTIONS';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What to wait for; the body is dropped as soon as it came. */
  readonly awaits: { readonly message: string } | { readonly event: string } | 'head';
}

export interface Answer {
  readonly status: number;
  /** First value of a header, by lower-case name. */
  header(name: string): string | undefined;
  /** From asking to having what was waited for (milliseconds). */
  readonly latencyMs: number;
  /** The JSON-RPC answer to our id. */
  readonly message?: RpcAnswer;
  /** Data of the event that was waited for. */
  readonly event?: string;
  /** The beginning of a body that was neither. */
  readonly text: string;
  /** The head came, the body broke off or ran out of time. */
  readonly cut?: unknown;
}

/** What we read of an answer before giving up on it. Discover results of big servers are ~10 KiB. */
const MAX_BODY_BYTES = 1_048_576;
const MAX_TEXT_CHARS = 2_048;

/**
 * Asks one HTTP question at a time over a fresh connection: a kept one would go on working after
 * the address stopped resolving or the certificate expired. Redirects are not followed.
 */
export class HttpAsker {
  readonly #clock: Clock;
  readonly #rejectUnauthorized: boolean;
  #agent: Promise<Agent> | undefined;

  constructor(clock: Clock, { rejectUnauthorized }: { readonly rejectUnauthorized: boolean }) {
    this.#clock = clock;
    this.#rejectUnauthorized = rejectUnauthorized;
  }

  /** Rejects when no head came: with the network's error, or the signal's reason. */
  async ask(question: Question, signal: AbortSignal): Promise<Answer> {
    const start = this.#clock.monotonic();
    // Loaded on first use: the CLI and a daemon without tunnels must not pay for it.
    const { request } = await import('undici');
    const { statusCode, headers, body } = await request(question.url, {
      dispatcher: await this.#dispatcher(),
      method: question.method,
      headers: question.headers,
      body: question.body ?? null,
      signal,
    });
    const header = (name: string) => {
      const value = headers[name];
      return Array.isArray(value) ? value[0] : value;
    };
    const read = await readUntil(body, question.awaits, header('content-type') ?? '');
    return { status: statusCode, header, latencyMs: this.#clock.monotonic() - start, ...read };
  }

  async close(): Promise<void> {
    await (await this.#agent)?.destroy();
  }

  #dispatcher(): Promise<Agent> {
    this.#agent ??= import('undici').then(
      ({ Agent }) =>
        // No pipelining at all is undici's way to say `Connection: close`.
        new Agent({ pipelining: 0, connect: { rejectUnauthorized: this.#rejectUnauthorized } }),
    );
    return this.#agent;
  }
}

type Read = Pick<Answer, 'message' | 'event' | 'text' | 'cut'>;

async function readUntil(body: Readable, awaits: Question['awaits'], contentType: string): Promise<Read> {
  // What arrives after we lost interest must not become an unhandled error.
  body.on('error', () => undefined);
  try {
    if (awaits === 'head') return { text: '' };
    if (contentType.startsWith('text/event-stream')) return await readEvents(body, awaits);
    const text = await readText(body);
    const message = 'message' in awaits ? parseAnswer(text, awaits.message) : undefined;
    return message === undefined ? { text: text.slice(0, MAX_TEXT_CHARS) } : { text: '', message };
  } catch (cut) {
    return { text: '', cut };
  } finally {
    body.destroy();
  }
}

async function readEvents(body: Readable, awaits: Exclude<Question['awaits'], 'head'>): Promise<Read> {
  const reader = new SseReader();
  for await (const text of bounded(body)) {
    for (const { event, data } of reader.push(text)) {
      if ('event' in awaits) {
        if (event === awaits.event) return { text: '', event: data };
        continue;
      }
      // Notifications and requests of the server may come first.
      const message = parseAnswer(data, awaits.message);
      if (message !== undefined) return { text: '', message };
    }
  }
  return { text: '' };
}

async function readText(body: Readable): Promise<string> {
  let text = '';
  for await (const piece of bounded(body)) text += piece;
  return text;
}

async function* bounded(body: Readable): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    yield decoder.write(chunk);
    if (bytes > MAX_BODY_BYTES) return;
  }
}
