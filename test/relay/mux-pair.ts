import type { Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import type { Clock } from '../../src/core/clock.ts';
import { FrameSocket } from '../../src/relay/link/frame-socket.ts';
import type { GoawayReason, LinkError } from '../../src/relay/link/link-error.ts';
import { Mux } from '../../src/relay/link/mux.ts';
import type { MuxStream } from '../../src/relay/link/mux-stream.ts';
import type { WindowBudget } from '../../src/relay/link/window-budget.ts';

export interface MuxPairOptions {
  readonly clock: Clock;
  /** Both sides' receive window (bytes); the protocol's minimum does not hold here. */
  readonly window: number;
  readonly maxFrame: number;
  /** Of the side that asks. */
  readonly budget?: WindowBudget;
  readonly maxStreams?: number;
  /** Of the side that answers, where it differs. */
  readonly answererStreams?: number;
  onRequest(stream: MuxStream, head: string, first: Buffer, end: boolean): void;
  onGoaway?(reason: GoawayReason, detail: string): void;
}

export interface MuxPair {
  /** Opens streams, as the relay does. */
  readonly asker: Mux;
  /** Answers them, as the agent does. */
  readonly answerer: Mux;
  /** Why each side's link ended, once it did. */
  readonly ends: { asker?: LinkError; answerer?: LinkError };
  /** Bytes stop arriving at either side until it is called again with false. */
  stall(stalled: boolean): void;
}

/** Two multiplexers with real framing between them, over a pipe in memory. */
export function muxPair(options: MuxPairOptions): MuxPair {
  const [left, right] = duplexPair();
  const ends: MuxPair['ends'] = {};
  let stalled = false;
  let kept: (() => void)[] = [];
  const side = (end: NodeJS.ReadWriteStream, asks: boolean): Mux => {
    // The multiplexer needs of a socket what any duplex stream has, and this.
    // A copy is written: this pipe, unlike a socket, may call back before the bytes were read.
    const write = end.write.bind(end);
    const socket = Object.assign(end, {
      setNoDelay: () => socket,
      write: (bytes: Uint8Array, done?: (error?: Error | null) => void) => write(Buffer.from(bytes), done),
    }) as unknown as Socket;
    const wire = new FrameSocket(socket, asks ? 'none' : 'random', options.clock, {
      frame: () => {},
      data: () => {},
    });
    socket.on('data', (chunk: Buffer) => {
      // Copied: masks are taken off in place, and both sides of the pipe share the memory. Later:
      // a real socket never delivers while the other side is still writing.
      const bytes = Buffer.from(chunk);
      setImmediate(() => {
        if (stalled) kept.push(() => wire.receive(bytes));
        else wire.receive(bytes);
      });
    });
    return new Mux({
      wire,
      clock: options.clock,
      receiveWindow: options.window,
      sendWindow: options.window,
      maxStreams: (asks ? undefined : options.answererStreams) ?? options.maxStreams ?? 1_000,
      maxFrame: options.maxFrame,
      ...(asks && options.budget ? { budget: options.budget } : {}),
      ...(asks ? {} : { onRequest: options.onRequest }),
      ...(options.onGoaway && asks ? { onGoaway: options.onGoaway } : {}),
      onClosed: (error) => {
        ends[asks ? 'asker' : 'answerer'] = error;
      },
    });
  };
  return {
    asker: side(left, true),
    answerer: side(right, false),
    ends,
    stall(value) {
      stalled = value;
      if (stalled) return;
      const due = kept;
      kept = [];
      for (const deliver of due) deliver();
    },
  };
}
