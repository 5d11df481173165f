import type { ServerResponse } from 'node:http';
import type { TunneldError } from '../../core/errors.ts';
import { failureOf, Refusal } from './answers.ts';
import type { Client, Peer } from './client.ts';
import { EventStream } from './event-stream.ts';
import type { Incoming } from './http-session.ts';
import { failureText, idKey, isRequest, isResponse, RPC, type RpcId, type RpcMessage } from './rpc.ts';

/** One session of HTTP+SSE, the transport of revision 2024-11-05: it lasts as long as its stream. */
export class SseSession implements Client {
  readonly id: string;
  readonly #mostWaiting: number;
  readonly #stream: EventStream;
  readonly #open = new Map<string, RpcId>();
  #peer: Peer | undefined;
  #over = false;

  /** @param endpoint where the client posts its messages */
  constructor(id: string, response: ServerResponse, endpoint: string, mostWaiting: number) {
    this.id = id;
    this.#mostWaiting = mostWaiting;
    this.#stream = new EventStream(response, mostWaiting);
    this.#stream.event(endpoint, { name: 'endpoint' });
  }

  serve(peer: Peer): void {
    this.#peer = peer;
    if (this.#over) peer.leave();
  }

  /** @throws {Refusal} */
  post(incoming: readonly Incoming[]): void {
    const peer = this.#peer;
    if (this.#over || peer === undefined) throw new Refusal(404, RPC.sessionNotFound, 'Session not found');
    if (peer.backlog > this.#mostWaiting) {
      throw new Refusal(503, RPC.server, 'The server does not take any more messages');
    }
    for (const { message, text } of incoming) {
      if (isRequest(message)) this.#open.set(idKey(message.id), message.id);
      peer.send(message, text);
    }
  }

  deliver(message: RpcMessage, text: string): void {
    if (isResponse(message)) this.#open.delete(idKey(message.id));
    this.#stream.event(text, { name: 'message' });
  }

  end(why: TunneldError): void {
    if (this.#over) return;
    this.#over = true;
    for (const id of this.#open.values()) {
      this.#stream.event(failureText(id, failureOf(why)), { name: 'message' });
    }
    this.#stream.end();
    this.#peer?.leave();
  }
}
