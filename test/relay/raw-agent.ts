import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { FrameDecoder, FrameType, writeFrameHeader } from '../../src/relay/link/frame.ts';
import { encodeHello, ownTerms } from '../../src/relay/link/hello.ts';
import { waitFor } from '../helpers/wait-for.ts';

/** An agent that answers with whatever bytes it is told to. */
export interface RawAgent {
  /** Heads of the requests it got, with the visitor's line in front. */
  readonly requests: { readonly id: number; readonly head: string }[];
  /** What the relay reset. */
  readonly resets: number[];
  respond(id: number, head: string, body: string, end: boolean): void;
  data(id: number, body: string, end: boolean): void;
  /** Any frame at all. */
  frame(type: number, id: number, payload: Buffer): void;
  readonly closed: boolean;
}

export async function dialRawAgent(port: number, name: string): Promise<RawAgent> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/_tunneld/link`, 'tunneld.1');
  onTestFinished(() => socket.terminate());
  const requests: { id: number; head: string }[] = [];
  const resets: number[] = [];
  let welcome = false;
  const decoder = new FrameDecoder({
    frame(type, id, payload) {
      if (type === FrameType.hello) welcome = true;
      if (type === FrameType.reset) resets.push(id);
      if (type === FrameType.request) {
        requests.push({ id, head: payload.toString('latin1', 2, 2 + payload.readUInt16LE(0)) });
      }
    },
    data() {},
  });
  socket.on('message', (data: Buffer) => decoder.push(data));
  const send = (type: number, id: number, payload: Buffer, end: boolean) => {
    const frame = Buffer.alloc(8 + payload.length);
    payload.copy(frame, writeFrameHeader(frame, 0, id, payload.length, type, end));
    socket.send(frame);
  };
  await once(socket, 'open');
  send(FrameType.hello, 0, encodeHello({ ...ownTerms(1_024), name, token: 'alice' }), false);
  await waitFor(() => welcome, { what: 'the answer to HELLO' });
  return {
    requests,
    resets,
    respond(id, head, body, end) {
      const length = Buffer.alloc(2);
      length.writeUInt16LE(head.length, 0);
      send(FrameType.response, id, Buffer.concat([length, Buffer.from(head + body, 'latin1')]), end);
    },
    frame: (type, id, payload) => send(type, id, payload, false),
    get closed() {
      return socket.readyState === WebSocket.CLOSED;
    },
    data: (id, body, end) => send(FrameType.data, id, Buffer.from(body, 'latin1'), end),
  };
}
