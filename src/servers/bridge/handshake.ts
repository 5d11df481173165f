import type { Clock } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import { VERSION } from '../../core/version.ts';
import type { Client } from './client.ts';
import { hasTools, type Knowledge, nameOf } from './knowledge.ts';
import { Member } from './member.ts';
import type { Multiplexer } from './multiplexer.ts';
import { LEGACY_REVISIONS, MODERN_REVISION, modernMeta } from './revisions.ts';
import { isRecord, type RpcMessage } from './rpc.ts';

/** How a server is greeted. `any`: as it wants to be. */
export type Greeting = 'legacy' | 'modern' | 'any';

/** What a shared server may ask its clients for; of one that only proves itself, nothing. */
export const SHARED_CAPABILITIES = {
  roots: { listChanged: true },
  sampling: {},
  elicitation: {},
};

/** It speaks another era than the one it was greeted in. */
export class OtherEra extends Error {
  override readonly name = 'OtherEra';
}

/** A list of tools has pages; nobody has this many. */
const MOST_PAGES = 20;

/**
 * Greets a server, and counts its tools. It is asked in the modern way first unless told otherwise:
 * a server of the SDK keeps to the way it was first spoken to.
 *
 * @throws {OtherEra}
 * @throws {TunneldError} it is gone
 */
export async function shakeHands(
  multiplexer: Multiplexer,
  greeting: Greeting,
  capabilities: Readonly<Record<string, unknown>>,
  clock: Clock,
): Promise<Knowledge> {
  const asker = new Asker(multiplexer);
  try {
    const modern = greeting === 'legacy' ? undefined : await inTime(clock, asker.discover());
    if (modern !== undefined) return await knowledgeOf('modern', modern, asker);
    if (greeting === 'modern') throw new OtherEra('The server does not speak revision 2026-07-28');
    return await knowledgeOf('legacy', await asker.initialize(capabilities), asker);
  } finally {
    asker.leave();
  }
}

/** Some servers leave unanswered what they do not know. */
function inTime<T>(clock: Clock, answer: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(() => resolve(undefined), DISCOVER_MS);
    answer.then(resolve, reject).finally(() => timer.cancel());
  });
}

const DISCOVER_MS = 5_000;

async function knowledgeOf(
  era: Knowledge['era'],
  hello: Readonly<Record<string, unknown>>,
  asker: Asker,
): Promise<Knowledge> {
  const server = nameOf(hello);
  const tools = hasTools(hello) ? await asker.countTools(era) : undefined;
  return {
    era,
    hello,
    ...(server === undefined ? {} : { server }),
    ...(tools === undefined ? {} : { tools }),
  };
}

/** The bridge itself, as a client of the server. */
class Asker implements Client {
  readonly #multiplexer: Multiplexer;
  readonly #member = new Member(this, false);
  readonly #open = new Map<unknown, (answer: RpcMessage | TunneldError) => void>();
  #ended: TunneldError | undefined;
  #count = 0;

  constructor(multiplexer: Multiplexer) {
    this.#multiplexer = multiplexer;
    multiplexer.join(this.#member);
  }

  /** The result of `server/discover`; undefined from a server that knows no such thing. */
  async discover(): Promise<Readonly<Record<string, unknown>> | undefined> {
    const answer = await this.#ask('server/discover', { _meta: modernMeta(VERSION) });
    const versions = isRecord(answer.result) ? answer.result['supportedVersions'] : undefined;
    if (!Array.isArray(versions) || !versions.includes(MODERN_REVISION)) return undefined;
    return answer.result as Readonly<Record<string, unknown>>;
  }

  async initialize(
    capabilities: Readonly<Record<string, unknown>>,
  ): Promise<Readonly<Record<string, unknown>>> {
    const clientInfo = { name: 'tunneld', version: VERSION };
    const answer = await this.#ask('initialize', {
      protocolVersion: LEGACY_REVISIONS[0],
      capabilities,
      clientInfo,
    });
    if (!isRecord(answer.result)) {
      throw new TunneldError(
        'SERVER_SILENT',
        `The server refused its first handshake: ${answer.error?.message ?? 'without a reason'}`,
      );
    }
    this.#multiplexer.channel.send('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    return answer.result;
  }

  async countTools(era: Knowledge['era']): Promise<number | undefined> {
    const meta = era === 'modern' ? { _meta: modernMeta(VERSION) } : {};
    let count = 0;
    let cursor: unknown;
    for (let page = 0; page < MOST_PAGES; page++) {
      const { result } = await this.#ask('tools/list', {
        ...meta,
        ...(cursor === undefined ? {} : { cursor }),
      });
      if (!isRecord(result) || !Array.isArray(result['tools'])) return undefined;
      count += result['tools'].length;
      cursor = result['nextCursor'];
      if (cursor === undefined) break;
    }
    return count;
  }

  leave(): void {
    this.#multiplexer.leave(this.#member);
  }

  deliver(message: RpcMessage): void {
    this.#open.get(message.id)?.(message);
  }

  end(why: TunneldError): void {
    this.#ended = why;
    for (const settle of this.#open.values()) settle(why);
  }

  async #ask(method: string, params: Readonly<Record<string, unknown>>): Promise<RpcMessage> {
    if (this.#ended !== undefined) throw this.#ended;
    const id = ++this.#count;
    const message: RpcMessage = { jsonrpc: '2.0', id, method, params };
    const answer = await new Promise<RpcMessage | TunneldError>((resolve) => {
      this.#open.set(id, resolve);
      this.#multiplexer.send(this.#member, message, '');
    });
    this.#open.delete(id);
    if (answer instanceof TunneldError) throw answer;
    return answer;
  }
}
