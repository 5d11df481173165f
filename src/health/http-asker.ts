import type { Readable } from 'node:stream';
import type { Agent } from 'undici';
import type { Clock } from '../core/clock.ts';
import { AnswerReader, type Awaited, type Read } from './answer-reader.ts';
import type { Answer, Question } from './question.ts';

/** Asks over the internet, as a client would. */
export class HttpAsker {
  readonly #clock: Clock;
  #agent: Promise<Agent> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    // Now, while there are descriptors: Node remembers for good that a module could not be opened.
    this.#dispatcher().catch(() => {});
  }

  /**
   * Over a connection of its own: a kept one would go on working after the address stopped resolving
   * or the certificate expired. Redirects are not followed. Rejects when no head came: with the
   * network's error, or the signal's reason.
   */
  async ask(question: Question, signal: AbortSignal): Promise<Answer> {
    const start = this.#clock.monotonic();
    // Not above: the CLI and a daemon without tunnels must not pay for it.
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
    // A loading that failed (no descriptors left) is no reason to fail at the end as well.
    await (await this.#agent?.catch(() => undefined))?.destroy();
  }

  #dispatcher(): Promise<Agent> {
    // No pipelining at all is undici's way to say `Connection: close`.
    this.#agent ??= import('undici').then(({ Agent }) => new Agent({ pipelining: 0 }));
    this.#agent.catch(() => {
      this.#agent = undefined;
    });
    return this.#agent;
  }
}

async function readUntil(
  body: Readable,
  awaits: Awaited,
  contentType: string,
): Promise<Read & Pick<Answer, 'cut'>> {
  // What arrives after we lost interest must not become an unhandled error.
  body.on('error', () => undefined);
  const reader = new AnswerReader(awaits, contentType);
  try {
    if (awaits === 'head') return { text: '' };
    for await (const chunk of body as AsyncIterable<Buffer>) {
      const read = reader.push(chunk);
      if (read !== undefined) return read;
    }
    return reader.end();
  } catch (cut) {
    return { text: '', cut };
  } finally {
    body.destroy();
  }
}
