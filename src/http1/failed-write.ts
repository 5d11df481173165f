import type { Socket } from 'node:net';

/**
 * Lets a socket be read to its end after a write to it failed. A server may answer before it has read
 * a body, and close: the next write then fails, and Node would destroy the socket with the answer
 * unread in it. Such a socket always ends by itself, with the end or the error that reading meets.
 *
 * @param onFailed called once; what is written from then on goes nowhere
 */
export function readOnAfterFailedWrite(socket: Socket, onFailed: (error: Error) => void): void {
  const write = socket._write.bind(socket);
  const writev = socket._writev?.bind(socket);
  let failed = false;
  // A stream has one write under way at most, so that none needs a function of its own.
  let done: Done | undefined;
  const settle: Done = (error) => {
    const settled = done;
    done = undefined;
    if (error && !failed && !socket.destroyed) {
      failed = true;
      onFailed(error);
    }
    settled?.(failed ? null : error);
  };
  socket._write = (chunk: Buffer, encoding: BufferEncoding, callback: Done) => {
    if (failed) return callback();
    done = callback;
    write(chunk, encoding, settle);
  };
  if (writev === undefined) return;
  socket._writev = (chunks: Chunks, callback: Done) => {
    if (failed) return callback();
    done = callback;
    writev(chunks, settle);
  };
}

type Done = (error?: Error | null) => void;
type Chunks = { chunk: unknown; encoding: BufferEncoding }[];
