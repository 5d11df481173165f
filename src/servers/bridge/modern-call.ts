import type { ServerResponse } from 'node:http';
import type { TunneldError } from '../../core/errors.ts';
import { answerJson, refusalOf } from './answers.ts';
import type { Client } from './client.ts';
import { EventStream } from './event-stream.ts';
import { failureText, isResponse, RPC, type RpcFailure, type RpcId, type RpcMessage } from './rpc.ts';

/** One request of revision 2026-07-28: it has no session, and its answer ends it. */
export class ModernCall implements Client {
  readonly #response: ServerResponse;
  readonly #id: RpcId;
  readonly #accepts: { readonly json: boolean; readonly events: boolean };
  readonly #mostWaiting: number;
  #stream: EventStream | undefined;

  constructor(
    response: ServerResponse,
    id: RpcId,
    accepts: { readonly json: boolean; readonly events: boolean },
    mostWaiting: number,
  ) {
    this.#response = response;
    this.#id = id;
    this.#accepts = accepts;
    this.#mostWaiting = mostWaiting;
  }

  deliver(message: RpcMessage, text: string): void {
    if (isResponse(message) && this.#stream === undefined && (this.#accepts.json || !this.#accepts.events)) {
      answerJson(this.#response, statusOf(message.error), text);
      return;
    }
    if (!this.#accepts.events) return;
    this.openStream();
    this.#stream?.event(text);
    if (isResponse(message)) this.#stream?.end();
  }

  /** It takes long: a stream can be kept alive. */
  openStream(): void {
    if (this.#accepts.events && !this.#response.headersSent) {
      this.#stream = new EventStream(this.#response, this.#mostWaiting);
    }
  }

  end(why: TunneldError): void {
    const { status, failure } = refusalOf(why);
    if (this.#stream === undefined) answerJson(this.#response, status, failureText(this.#id, failure));
    else {
      this.#stream.event(failureText(this.#id, failure));
      this.#stream.end();
    }
  }
}

/** The revision says which status an error of the server has over HTTP. */
function statusOf(error: RpcFailure | undefined): number {
  if (error === undefined) return 200;
  if (error.code === RPC.methodNotFound) return 404;
  return error.code <= RPC.headerMismatch && error.code >= -32_099 ? 400 : 200;
}
