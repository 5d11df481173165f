import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { TextSocket } from '../../src/mcp-tunnel/wire/text-socket.ts';
import { LinkError } from '../../src/relay/link/link-error.ts';
import {
  controlFrame,
  finishWebSocketFrame,
  Opcode,
  WEBSOCKET_HEADROOM,
  WebSocketDecoder,
} from '../../src/relay/link/websocket-frame.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { cut, pick, type Random, randomBytes, spoiled } from './random.ts';
import { refusedOr, same, type Target } from './target.ts';

/** The framing under a link: payload and control frames are what was sent, however they arrive. */
export const binaryFrames: Target = {
  name: 'WebSocket frames of a link',
  perThousand: 1_000,
  run(random) {
    const masked = random(2) === 0;
    const wire = Buffer.concat(
      Array.from({ length: 1 + random(4) }, () => frame(random, masked, Opcode.binary)),
    );
    for (const bytes of [wire, spoiled(random, wire, 3)]) {
      same('payload', decode(cut(random, bytes), masked), decode([Buffer.from(bytes)], masked));
    }
  },
};

/** The socket of text messages: never anything but messages and one end. */
export const textFrames: Target = {
  name: 'WebSocket frames of mcp-tunnel',
  perThousand: 200,
  run(random) {
    const wire = Buffer.concat(
      Array.from({ length: 1 + random(4) }, () =>
        frame(random, true, pick(random, [Opcode.text, Opcode.binary])),
      ),
    );
    for (const bytes of [wire, spoiled(random, wire, 3)]) {
      same('messages', listen(cut(random, bytes)), listen([Buffer.from(bytes)]));
    }
  },
};

function frame(random: Random, masked: boolean, opcode: number): Buffer {
  const mask = masked ? random(2 ** 32) : undefined;
  if (random(5) === 0) {
    return controlFrame(
      pick(random, [Opcode.ping, Opcode.pong, Opcode.close]),
      randomBytes(random, 125),
      mask,
    );
  }
  const text = Buffer.from(pick(random, ['', 'a', '{"kind":"request"}', '\u00e4\u20ac', 'x'.repeat(200)]));
  const payload = opcode === Opcode.text && random(4) > 0 ? text : randomBytes(random, 300);
  const bytes = Buffer.concat([Buffer.alloc(WEBSOCKET_HEADROOM), payload]);
  const start = finishWebSocketFrame(bytes, WEBSOCKET_HEADROOM, bytes.length, opcode, mask);
  const whole = bytes.subarray(start);
  if (random(6) === 0) whole[0] = (whole[0] ?? 0) & 0x7f;
  return whole;
}

function decode(pieces: readonly Buffer[], masked: boolean): unknown[] {
  let payload = '';
  const controls: [number, string][] = [];
  const decoder = new WebSocketDecoder(masked ? 'server' : 'client', {
    payload: (piece) => {
      payload += piece.toString('hex');
    },
    control: (opcode, bytes) => void controls.push([opcode, bytes.toString('hex')]),
  });
  refusedOr(LinkError, () => {
    for (const piece of pieces) decoder.push(piece);
  });
  return [payload, controls];
}

function listen(pieces: readonly Buffer[]): unknown[] {
  const socket = new PassThrough() as unknown as Socket;
  Object.assign(socket, { setNoDelay: () => socket });
  const text = new TextSocket(socket, 'none', new FakeClock(), 4_096);
  const messages: string[] = [];
  const ends: unknown[] = [];
  text.onText = (message) => void messages.push(message);
  text.onClosed = (end) => void ends.push(end);
  for (const piece of pieces) text.receive(piece);
  if (ends.length > 1) throw new Error(`it ended ${ends.length} times`);
  text.destroy('over');
  return [messages, ends];
}
