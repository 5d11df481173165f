import type { Socket } from 'node:net';
import { Flow } from '../core/exchange.ts';

/** Up to here one copy is cheaper than a vector of small pieces. */
const COPY_LIMIT = 8_192;

/** A head, and the first body bytes with it, in one write. */
export function writeHead(socket: Socket, text: string, body: Buffer | undefined): Flow {
  if (body === undefined || body.length === 0) {
    socket.write(text, 'latin1');
    return flowOf(socket);
  }
  if (body.length <= COPY_LIMIT) {
    const packet = Buffer.allocUnsafe(text.length + body.length);
    packet.write(text, 0, 'latin1');
    packet.set(body, text.length);
    socket.write(packet);
    return copiedFlowOf(socket);
  }
  socket.cork();
  socket.write(text, 'latin1');
  socket.write(body);
  socket.uncork();
  return flowOf(socket);
}

/** Body bytes as one chunk of the chunked coding; `head` goes out before it, `tail` after it. */
export function writeChunk(socket: Socket, chunk: Buffer, head = '', tail = ''): Flow {
  const before = `${head}${chunk.length.toString(16)}\r\n`;
  const after = `\r\n${tail}`;
  if (chunk.length <= COPY_LIMIT) {
    const packet = Buffer.allocUnsafe(before.length + chunk.length + after.length);
    packet.write(before, 0, 'latin1');
    packet.set(chunk, before.length);
    packet.write(after, before.length + chunk.length, 'latin1');
    socket.write(packet);
    return copiedFlowOf(socket);
  }
  socket.cork();
  socket.write(before, 'latin1');
  socket.write(chunk);
  socket.write(after, 'latin1');
  socket.uncork();
  return flowOf(socket);
}

/** Ends a chunked body. */
export const LAST_CHUNK = '0\r\n\r\n';

export function writeBytes(socket: Socket, chunk: Buffer): Flow {
  socket.write(chunk);
  return flowOf(socket);
}

/** A write the kernel took at once leaves nothing behind in the stream, so its buffer is free again. */
function flowOf(socket: Socket): Flow {
  if (socket.writableLength === 0) return Flow.consumed;
  return socket.writableNeedDrain ? Flow.paused : Flow.retained;
}

function copiedFlowOf(socket: Socket): Flow {
  return socket.writableLength > 0 && socket.writableNeedDrain ? Flow.paused : Flow.consumed;
}
