import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { FrameType } from '../../src/relay/link/frame.ts';
import { FrameSocket } from '../../src/relay/link/frame-socket.ts';
import { controlFrame, Opcode } from '../../src/relay/link/websocket-frame.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A socket whose system takes one write at a time, when it is told to. */
function slowSocket() {
  const writes: { bytes: Buffer; taken: () => void }[] = [];
  const stream = new Duplex({
    read() {},
    write: (bytes: Buffer, _encoding, done) => void writes.push({ bytes: Buffer.from(bytes), taken: done }),
  });
  const socket = Object.assign(stream, { setNoDelay: () => socket }) as unknown as Socket;
  return { socket, writes };
}

describe('the socket of a link', () => {
  it('sends what waits behind its answer to a WebSocket ping', async () => {
    const { socket, writes } = slowSocket();
    const wire = new FrameSocket(socket, 'none', new FakeClock(), { frame() {}, data() {} });
    const say = (text: string) => wire.frame(FrameType.data, 1, Buffer.from(text), 0, text.length, false);
    say('first');
    say('second');
    wire.receive(controlFrame(Opcode.ping, Buffer.from('there?'), 0));
    for (let count = 0; count < 3; count++) {
      writes[count]?.taken();
      await turn();
    }
    expect(writes.map(({ bytes }) => /first|second|there\?/.exec(bytes.toString('latin1'))?.[0])).toEqual([
      'first',
      'there?',
      'second',
    ]);
  });

  it('hears why the peer closed although a write failed before that was read', async () => {
    const stream = new Duplex({
      read() {},
      write: (_bytes, _encoding, done) => done(new Error('write EPIPE')),
    });
    const socket = Object.assign(stream, { setNoDelay: () => socket }) as unknown as Socket;
    const heard: string[] = [];
    const wire = new FrameSocket(socket, 'none', new FakeClock(), {
      frame: (_type, _id, payload) => void heard.push(payload.toString()),
      data() {},
    });
    wire.onClosed = ({ message }) => void heard.push(message);
    for (let count = 0; count < 3; count++) {
      wire.frame(FrameType.data, 1, Buffer.from('too late'), 0, 8, false);
      await turn();
    }
    stream.push(await spoken('another took the name'));
    stream.push(null);
    stream.on('data', (chunk: Buffer) => wire.receive(chunk));
    await turn();
    expect(heard).toEqual(['another took the name', 'the peer closed the connection']);
  });
});

/** The last words of an agent, as they are on the wire. */
async function spoken(text: string): Promise<Buffer> {
  const { socket, writes } = slowSocket();
  const wire = new FrameSocket(socket, 'random', new FakeClock(), { frame() {}, data() {} });
  wire.frame(FrameType.goaway, 0, Buffer.from(text), 0, text.length, true);
  await turn();
  return writes[0]?.bytes ?? Buffer.alloc(0);
}
