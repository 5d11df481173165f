import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import {
  controlFrame,
  finishWebSocketFrame,
  Opcode,
  WEBSOCKET_HEADROOM,
  WebSocketDecoder,
} from '../../src/relay/link/websocket-frame.ts';
import {
  acceptUpgrade,
  checkUpgradeAnswer,
  createKey,
  upgradeRequest,
} from '../../src/relay/link/websocket-handshake.ts';
import { applyMask } from '../../src/relay/link/websocket-mask.ts';

function message(payload: Buffer, mask: number | undefined, opcode: number = Opcode.binary): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(WEBSOCKET_HEADROOM), payload]);
  return bytes.subarray(finishWebSocketFrame(bytes, WEBSOCKET_HEADROOM, bytes.length, opcode, mask));
}

function decode(role: 'client' | 'server', chunks: readonly Buffer[]) {
  const payload: Buffer[] = [];
  const controls: [number, string][] = [];
  const decoder = new WebSocketDecoder(role, {
    payload: (piece) => payload.push(Buffer.from(piece)),
    control: (opcode, bytes) => controls.push([opcode, bytes.toString()]),
  });
  for (const chunk of chunks) decoder.push(Buffer.from(chunk));
  return { payload: Buffer.concat(payload), controls };
}

describe('WebSocket framing', () => {
  it('brings back what was sent, masked or not, however it is split', () => {
    const bytes = fc.uint8Array({ maxLength: 700 }).map((array) => Buffer.from(array));
    const mask = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(
        bytes,
        bytes,
        mask,
        fc.boolean(),
        fc.integer({ min: 1, max: 40 }),
        (a, b, key, masked, step) => {
          const keyOrNone = masked ? key : undefined;
          const wire = Buffer.concat([
            message(a, keyOrNone),
            controlFrame(Opcode.ping, Buffer.from('are you there'), keyOrNone),
            message(b, keyOrNone),
          ]);
          const chunks = Array.from({ length: Math.ceil(wire.length / step) }, (_, index) =>
            wire.subarray(index * step, (index + 1) * step),
          );
          const { payload, controls } = decode(masked ? 'server' : 'client', chunks);
          expect(payload).toEqual(Buffer.concat([a, b]));
          expect(controls).toEqual([[Opcode.ping, 'are you there']]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('masks like RFC 6455 says at every alignment', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.nat(7),
        fc.nat(3),
        fc.integer({ min: 0, max: 0xffffffff }),
        (array, offset, phase, key) => {
          const keyBytes = Buffer.alloc(4);
          keyBytes.writeUInt32LE(key);
          const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(array)]);
          applyMask(bytes, offset, bytes.length, key, phase);
          const expected = Buffer.from(
            array.map((byte, index) => byte ^ (keyBytes[(index + phase) & 3] ?? 0)),
          );
          expect(bytes.subarray(offset)).toEqual(expected);
        },
      ),
    );
  });

  it.each([
    ['an unmasked frame from a client', 'server', message(Buffer.from('x'), undefined)],
    ['a masked frame from a server', 'client', message(Buffer.from('x'), 1)],
    ['a text message', 'client', message(Buffer.from('x'), undefined, Opcode.text)],
    ['a continuation of nothing', 'client', message(Buffer.from('x'), undefined, Opcode.continuation)],
    ['a reserved opcode', 'client', message(Buffer.from('x'), undefined, 11)],
    ['reserved bits', 'client', Buffer.from([0xc2, 0x00])],
    ['a split control frame', 'client', Buffer.from([0x09, 0x00])],
    ['a control frame over 125 bytes', 'client', message(Buffer.alloc(126), undefined, Opcode.ping)],
    ['an impossible length', 'client', Buffer.from([0x82, 127, 255, 255, 255, 255, 0, 0, 0, 0])],
  ] as const)('refuses %s', (_what, role, bytes) => {
    expect(() => decode(role, [bytes])).toThrow('WebSocket framing');
  });
});

describe('the handshake and framing with the ws package at the other end', () => {
  it('talks to a ws server as client, fragments, pings and long messages included', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'tunneld.1' });
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    server.on('connection', (peer) => {
      peer.on('message', (data: Buffer) => {
        peer.ping('hi');
        peer.send(data.subarray(0, 10), { fin: false });
        peer.send(data.subarray(10), { fin: true });
      });
    });
    const { port } = server.address() as AddressInfo;
    const key = createKey();
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.write(upgradeRequest(new URL(`http://127.0.0.1:${port}`), key));
    const sent = Buffer.alloc(200_000, 'frame ');
    let head = '';
    let opened = false;
    const received: Buffer[] = [];
    const controls: string[] = [];
    await new Promise<void>((resolve) => {
      const decoder = new WebSocketDecoder('client', {
        payload: (piece) => {
          received.push(Buffer.from(piece));
          if (Buffer.concat(received).length === sent.length) resolve();
        },
        control: (_opcode, bytes) => controls.push(bytes.toString()),
      });
      socket.on('data', (chunk: Buffer) => {
        if (opened) {
          decoder.push(chunk);
          return;
        }
        head += chunk.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        opened = true;
        expect(checkUpgradeAnswer(head.slice(0, end), key)).toEqual({ status: 101, ours: false });
        socket.write(message(sent, 0x12345678));
        decoder.push(Buffer.from(head.slice(end + 4), 'latin1'));
      });
    });
    expect(Buffer.concat(received)).toEqual(sent);
    expect(controls).toEqual(['hi']);
  });

  it('talks to a ws client as server', async () => {
    const server = createHttpServer();
    onTestFinished(() => void server.close());
    server.on('upgrade', (request, socket) => {
      const accepted = acceptUpgrade((name) => request.headers[name]?.toString());
      socket.write('answer' in accepted ? accepted.answer : '');
      const decoder = new WebSocketDecoder('server', {
        payload: (piece) => socket.write(message(Buffer.from(piece), undefined)),
        control: (opcode) => {
          if (opcode === Opcode.close)
            socket.end(controlFrame(Opcode.close, Buffer.from([3, 232]), undefined));
        },
      });
      socket.on('data', (chunk: Buffer) => decoder.push(chunk));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const client = new WebSocket(`ws://127.0.0.1:${port}/_tunneld/link`, 'tunneld.1');
    const sent = Buffer.alloc(150_000, 'there and back ');
    const received: Buffer[] = [];
    await new Promise<void>((resolve) => {
      client.on('open', () => client.send(sent));
      client.on('message', (data: Buffer) => {
        received.push(data);
        if (Buffer.concat(received).length === sent.length) resolve();
      });
    });
    expect(Buffer.concat(received)).toEqual(sent);
    expect(client.protocol).toBe('tunneld.1');
    const code = await new Promise((resolve) => {
      client.on('close', resolve);
      client.close(1000);
    });
    expect(code).toBe(1000);
  });

  it.each([
    ['another status', 'HTTP/1.1 404 Not Found', 404],
    ['something that is not HTTP', 'SSH-2.0-OpenSSH_9', 0],
    ['a wrong accept key', 'HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: nope', 101],
  ])('takes %s for a refusal', (_what, text, status) => {
    expect(checkUpgradeAnswer(text, createKey())).toMatchObject({ status, refusal: expect.any(String) });
  });

  it.each([
    [{ upgrade: 'h2c' }],
    [{ upgrade: 'websocket', 'sec-websocket-version': '8' }],
    [{ upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'short' }],
  ] as Record<string, string>[][])('refuses the handshake %j', (headers) => {
    expect(acceptUpgrade((name) => headers?.[name])).toMatchObject({ refusal: expect.any(String) });
  });
});
