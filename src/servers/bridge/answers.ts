import type { IncomingMessage, ServerResponse } from 'node:http';
import { TunneldError } from '../../core/errors.ts';
import { failureText, RPC, type RpcFailure, type RpcId } from './rpc.ts';

/** A request that gets an error for its answer. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly failure: RpcFailure;

  constructor(status: number, code: number, message: string, data?: unknown) {
    super(message);
    this.status = status;
    this.failure = { code, message, ...(data === undefined ? {} : { data }) };
  }
}

export function answerJson(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent || response.destroyed) return;
  const body = Buffer.from(text);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.length,
    ...headers,
  });
  response.end(body);
}

/** @param id of the request, where it is known */
export function answerFailure(response: ServerResponse, error: unknown, id: RpcId | null = null): void {
  const refusal = refusalOf(error);
  const retry = refusal.status === 503 ? { 'retry-after': '5' } : {};
  answerJson(response, refusal.status, failureText(id, refusal.failure), retry);
}

export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof TunneldError)
    return new Refusal(statusOf(error), RPC.internal, error.message, dataOf(error));
  return new Refusal(500, RPC.internal, 'The bridge to the MCP server failed');
}

/** What callers are told of a server that is not there, in the form of the gateway's own errors. */
export function failureOf(error: TunneldError): RpcFailure {
  return { code: RPC.internal, message: error.message, data: dataOf(error) };
}

function dataOf({ code }: TunneldError): unknown {
  return { tunneld: { reason: 'server-down', code } };
}

function statusOf({ code }: TunneldError): number {
  return code === 'SERVERS_FULL' ? 503 : 502;
}

/** The whole body. @throws {Refusal} 413, or when the caller went away */
export function readBody(request: IncomingMessage, mostBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= mostBytes) chunks.push(chunk);
      else {
        chunks.length = 0;
        request.pause();
        reject(
          new Refusal(
            413,
            RPC.server,
            `A message may have ${mostBytes} bytes (limits.messageBytes of the tunnel)`,
          ),
        );
      }
    });
    request.once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    request.once('close', () => reject(new Refusal(400, RPC.server, 'The request ended early')));
    request.once('error', reject);
  });
}
