import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { systemClock } from '../../../src/core/clock.ts';
import { ByteBudget } from '../../../src/mcp-tunnel/wire/byte-budget.ts';
import { TextSocket, type TextSocketEnd } from '../../../src/mcp-tunnel/wire/text-socket.ts';
import { acceptUpgrade, createKey } from '../../../src/relay/link/websocket-handshake.ts';
import { waitFor } from '../../helpers/wait-for.ts';

interface Ours {
  readonly text: TextSocket;
  readonly socket: Socket;
  readonly received: string[];
  readonly ends: TextSocketEnd[];
}

function attach(socket: Socket, masking: 'none' | 'random', limit?: number): Ours {
  const text = new TextSocket(socket, masking, systemClock, limit);
  const received: string[] = [];
  const ends: TextSocketEnd[] = [];
  text.onText = (message) => received.push(message);
  text.onClosed = (end) => ends.push(end);
  socket.on('data', (chunk: Buffer) => text.receive(chunk));
  onTestFinished(() => {
    socket.destroy();
  });
  return { text, socket, received, ends };
}

/** Our side is the relay's; the peer is the `ws` package. */
async function asServer(limit?: number): Promise<{ ours: Ours; peer: WebSocket }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  const accepted = new Promise<Ours>((resolve) => {
    server.once('connection', (socket) => {
      socket.once('data', (head: Buffer) => {
        const lines = head
          .toString('latin1')
          .split('\r\n')
          .map((line) => line.split(/: ?/));
        const upgrade = acceptUpgrade((name) => lines.find(([key]) => key?.toLowerCase() === name)?.[1]);
        if ('answer' in upgrade) socket.write(upgrade.answer, 'latin1');
        resolve(attach(socket, 'none', limit));
      });
    });
  });
  const { port } = server.address() as AddressInfo;
  const peer = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
  peer.on('error', () => {});
  const opened = once(peer, 'open');
  const ours = await accepted;
  await opened;
  return { ours, peer };
}

/** Our side is the agent's. */
async function asClient(): Promise<{ ours: Ours; peer: WebSocket }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  const connected = once(server, 'connection') as Promise<[WebSocket]>;
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  socket.write(
    `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${createKey()}\r\n\r\n`,
  );
  await once(socket, 'data');
  return { ours: attach(socket, 'random'), peer: (await connected)[0] };
}

function collect(peer: WebSocket): string[] {
  const texts: string[] = [];
  peer.on('message', (data: RawData) => texts.push(data.toString()));
  return texts;
}

describe.each([
  ['the relay', asServer],
  ['the agent', asClient],
] as const)('text messages on the side of %s', (_side, open) => {
  it('come whole, however they were split, and binary ones are ignored', async () => {
    const { ours, peer } = await open();
    const texts = collect(peer);
    peer.send('a', { fin: false });
    peer.ping('between');
    peer.send('ä€', { fin: false });
    peer.send('', { fin: true });
    peer.send(Buffer.from('binary'), { binary: true });
    peer.send('');
    peer.send('next');
    const large = 'x'.repeat(5_000_000);
    ours.text.send('short');
    ours.text.send(large);
    await waitFor(() => expect(ours.received).toEqual(['aä€', '', 'next']));
    await waitFor(() => expect(texts).toEqual(['short', large]));
  });

  it('end with the code and the reason of whoever closes', async () => {
    const one = await open();
    one.peer.close(4001, 'invalid token');
    await waitFor(() => expect(one.ours.ends).toEqual([{ code: 4001, reason: 'invalid token' }]));
    const two = await open();
    const closed = once(two.peer, 'close');
    two.ours.text.close(4002, 'é'.repeat(100));
    const [code, reason] = await closed;
    // 123 bytes are allowed, and the last character stays whole.
    expect([code, String(reason)]).toEqual([4002, 'é'.repeat(61)]);
    await waitFor(() => expect(two.ours.socket.destroyed).toBe(true));
  });

  it('pings, and answers pings', async () => {
    const { ours, peer } = await open();
    const pong = once(peer, 'pong');
    peer.ping('there?');
    expect(String((await pong)[0])).toBe('there?');
    let heard = 0;
    ours.text.onHeard = () => heard++;
    ours.text.ping();
    await waitFor(() => expect(heard).toBeGreaterThan(0));
  });

  it('says when the peer does not read, and when it does again', async () => {
    const { ours, peer } = await open();
    let relaxed = 0;
    ours.text.onRelaxed = () => relaxed++;
    peer.pause();
    for (let i = 0; i < 200 && !ours.text.congested; i++) {
      ours.text.send('x'.repeat(200_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(ours.text.congested).toBe(true);
    expect(relaxed).toBe(0);
    peer.resume();
    await waitFor(() => expect(relaxed).toBe(1));
    expect(ours.text.congested).toBe(false);
  });
});

describe('a long text message', () => {
  const room = (bytes: number) => {
    const budget = new ByteBudget(bytes);
    const left = () => {
      let free = bytes;
      while (!budget.take(free)) free--;
      budget.give(free);
      return free;
    };
    return { budget, left };
  };

  it('arrives whole from frames of any size, and gives its room back', async () => {
    const { ours, peer } = await asServer();
    const { budget, left } = room(400_000);
    ours.text.room = budget;
    const long = 'ä'.repeat(80_000);
    const bytes = Buffer.from(long);
    for (let at = 0; at < 5_000; at++) peer.send(bytes.subarray(at, at + 1), { fin: false, binary: false });
    peer.send(bytes.subarray(5_000, 100_000), { fin: false, binary: false });
    await waitFor(() => left() < 400_000);
    peer.send(bytes.subarray(100_000));
    await waitFor(() => ours.received[0]);
    expect([ours.received[0] === long, left()]).toEqual([true, 400_000]);
  });

  it('for which there is no room is thrown away but for its start, and the next one arrives', async () => {
    const { ours, peer } = await asServer();
    const { budget, left } = room(100_000);
    const starts: string[] = [];
    ours.text.room = budget;
    ours.text.onTooLong = (start) => starts.push(start);
    peer.send('a'.repeat(90_000), { fin: false });
    peer.send('b'.repeat(90_000));
    peer.send('next');
    await waitFor(() => ours.received[0]);
    expect([starts, ours.received, left()]).toEqual([['a'.repeat(1_024)], ['next'], 100_000]);
  });

  it('that never ends gives its room back when its connection ends', async () => {
    const { ours, peer } = await asServer();
    const { budget, left } = room(400_000);
    ours.text.room = budget;
    peer.send('a'.repeat(200_000), { fin: false });
    await waitFor(() => left() < 400_000);
    peer.terminate();
    await waitFor(() => ours.ends[0]);
    expect(left()).toBe(400_000);
  });
});

describe('a text message that breaks a rule', () => {
  it('ends the connection with 1009 when it is too long, before it was received', async () => {
    const { ours, peer } = await asServer(1_000);
    const closed = once(peer, 'close');
    peer.send('x'.repeat(600), { fin: false });
    peer.send('x'.repeat(600));
    expect((await closed)[0]).toBe(1009);
    expect(ours.received).toEqual([]);
  });

  it('ends the connection with 1007 when it is not UTF-8', async () => {
    const { ours, peer } = await asServer();
    const closed = once(peer, 'close');
    peer.send(Buffer.from([0xc3, 0x28]), { binary: false });
    expect((await closed)[0]).toBe(1007);
    expect(ours.received).toEqual([]);
  });
});
