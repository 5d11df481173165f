import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import { FrameDecoder, FrameType, writeFrameHeader } from '../../src/relay/link/frame.ts';

export interface FakeRelay {
  readonly port: number;
  /** Frames the agent sent, in order; its HELLO first. */
  readonly frames: { type: number; id: number; payload: string; end: boolean }[];
  /** Sends a REQ without a body. */
  request(id: number, head: string): void;
}

/** A relay on the ws package that answers HELLO with the given bytes and then does as it is told. */
export async function fakeRelay(hello: Buffer): Promise<FakeRelay> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'tunneld.1' });
  await once(server, 'listening');
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const frames: FakeRelay['frames'] = [];
  const frame = (type: number, id: number, payload: Buffer, end: boolean) => {
    const bytes = Buffer.alloc(8 + payload.length);
    payload.copy(bytes, writeFrameHeader(bytes, 0, id, payload.length, type, end));
    for (const client of server.clients) client.send(bytes);
  };
  server.on('connection', (peer) => {
    const decoder = new FrameDecoder({
      frame: (type, id, payload, end) => {
        frames.push({ type, id, payload: payload.toString('latin1'), end });
        if (type === FrameType.hello) frame(FrameType.hello, 0, hello, false);
      },
      data: (id, piece, end) =>
        void frames.push({ type: FrameType.data, id, payload: piece.toString('latin1'), end }),
    });
    peer.on('message', (data: Buffer) => decoder.push(data));
  });
  return {
    port: (server.address() as AddressInfo).port,
    frames,
    request: (id, head) => {
      const payload = Buffer.alloc(2 + head.length);
      payload.writeUInt16LE(head.length, 0);
      payload.write(head, 2, 'latin1');
      frame(FrameType.request, id, payload, true);
    },
  };
}
