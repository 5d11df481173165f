import { z } from 'zod';
import type { MuxadoStream } from './muxado.ts';

/** What the first four bytes of a stream say about it. */
export const STREAM = {
  auth: 0,
  bind: 1,
  unbind: 2,
  proxy: 3,
  restart: 4,
  stop: 5,
  update: 6,
  stopTunnel: 9,
  heartbeat: 0xffff_ffff,
} as const;

export const authSchema = z.looseObject({
  ClientId: z.string(),
  Extra: z.looseObject({ AuthToken: z.string(), Cookie: z.string() }),
});

export const bindSchema = z.looseObject({
  Id: z.string(),
  Proto: z.string(),
  ForwardsTo: z.string(),
  Opts: z.looseObject({ Domain: z.string(), TrafficPolicy: z.string() }),
  Extra: z.looseObject({ PoolingEnabled: z.boolean(), Metadata: z.string() }),
});

export type Auth = z.output<typeof authSchema>;
export type Bind = z.output<typeof bindSchema>;

/** Reads a request's type and its JSON, which ends where it is complete: the client sends no FIN. */
export function onRequest(stream: MuxadoStream, handle: (type: number, first: Buffer) => void): void {
  let head = Buffer.alloc(0);
  const read = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    if (head.length < 4) return;
    stream.off('data', read);
    stream.pause();
    handle(head.readUInt32BE(0), head.subarray(4));
  };
  stream.on('data', read);
}

export function onJson(stream: MuxadoStream, first: Buffer, handle: (value: unknown) => void): void {
  let text = first;
  const tryParse = (): boolean => {
    try {
      handle(JSON.parse(text.toString('utf8')));
      return true;
    } catch (error) {
      if (error instanceof SyntaxError) return false;
      throw error;
    }
  };
  if (text.length > 0 && tryParse()) {
    stream.resume();
    return;
  }
  const read = (chunk: Buffer) => {
    text = Buffer.concat([text, chunk]);
    if (!tryParse()) return;
    stream.off('data', read);
    stream.resume();
  };
  stream.on('data', read);
  stream.resume();
}

/** As ngrok words its refusals: the SDK looks for the line that begins with the code. */
export function refusal(message: string, code: string): { readonly Error: string } {
  return { Error: `${message}\n\n${code}\r\n` };
}

/** The head of a stream that the edge opens for a visitor. */
export function proxyHead(id: string, clientAddress: string): Buffer {
  const json = Buffer.from(
    JSON.stringify({
      Id: id,
      ClientAddr: clientAddress,
      Proto: 'https',
      EdgeType: '0',
      PassthroughTLS: false,
    }),
  );
  const head = Buffer.alloc(12);
  head.writeUInt32BE(STREAM.proxy, 0);
  head.writeBigInt64LE(BigInt(json.length), 4);
  return Buffer.concat([head, json]);
}
