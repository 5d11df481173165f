/** Those who use the tunnels as they are meant to be used, and some whose line is slow. */
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'undici';
import { addressOf } from '../load/addresses.ts';
import { serve } from '../load/ipc.ts';
import { readStreams } from '../read-streams.ts';

export interface CallsJob {
  readonly connections: number;
  /** Tunnels they spread over. */
  readonly tunnels: number;
  /** Each connection calls this often, whatever became of its last call (milliseconds). */
  readonly everyMs: number;
  readonly durationMs: number;
  /** Connections beside them that take an endless body a few kilobytes at a time. */
  readonly slowReaders: number;
}

export interface CallsOutcome {
  readonly calls: number;
  readonly errors: number;
  /** From when a call was due to its last byte (milliseconds). */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** What the slow readers took. */
  readonly slowBytes: number;
}

const SLOW_BYTES = 4_096;
const SLOW_EVERY_MS = 50;
const FILL_MS = 2_000;
const CALL = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'echo', arguments: { text: 'u'.repeat(500) } },
});

const port = Number(process.env['RELAY_PORT']);
const origin = `http://127.0.0.1:${port}`;
const token = String(process.env['BENCH_TOKEN']);
let streams: Awaited<ReturnType<typeof readStreams>> = [];
let ended = 0;

serve({
  /** One call to each tunnel. @returns how many answered well */
  async callEach({ tunnels }: { tunnels: number }) {
    let well = 0;
    let next = 0;
    const caller = async (_: unknown, index: number) => {
      const client = new Client(origin, { localAddress: addressOf(1, index) });
      while (next < tunnels) if (await call(client, next++)) well++;
      await client.close();
    };
    await Promise.all(Array.from({ length: 20 }, caller));
    return well;
  },

  async openStreams({ count, tunnels }: { count: number; tunnels: number }) {
    ended = 0;
    streams = await readStreams(
      (index) => `${origin}/load-${index % tunnels}/idle`,
      count,
      token,
      () => {},
      (index) => addressOf(2, index >> 3),
    );
    for (const stream of streams) stream.once('close', () => ended++);
  },

  /** Goes away from the first so many streams. */
  leaveStreams({ count }: { count: number }) {
    for (const stream of streams.slice(0, count)) stream.destroy();
  },

  endedStreams: () => ended,

  calls: runCalls,
});

async function runCalls(job: CallsJob): Promise<CallsOutcome> {
  const latencies: number[] = [];
  let errors = 0;
  let slowBytes = 0;
  const slow = Array.from({ length: job.slowReaders }, (_, index) =>
    readSlowly(index % job.tunnels, addressOf(3, index), (bytes) => {
      slowBytes += bytes;
    }),
  );
  // They first fill every window and every buffer on their way, as fast as anybody reads.
  if (job.slowReaders > 0) await delay(FILL_MS);
  const started = performance.now();
  const caller = async (_: unknown, index: number) => {
    const client = new Client(origin, { localAddress: addressOf(1, index) });
    // Spread over the interval: callers of the world do not call in step.
    let due = started + (index * job.everyMs) / job.connections;
    while (due < started + job.durationMs) {
      await delay(Math.max(0, due - performance.now()));
      if (await call(client, index % job.tunnels)) latencies.push(performance.now() - due);
      else errors++;
      due += job.everyMs;
    }
    await client.close();
  };
  await Promise.all(Array.from({ length: job.connections }, caller));
  for (const socket of slow) socket.destroy();
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.floor((latencies.length - 1) * share)] ?? Number.NaN;
  return { calls: latencies.length, errors, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), slowBytes };
}

async function call(client: Client, tunnel: number): Promise<boolean> {
  try {
    const answer = await client.request({
      method: 'POST',
      path: `/load-${tunnel}/small`,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: CALL,
    });
    await answer.body.dump();
    return answer.statusCode === 200;
  } catch {
    return false;
  }
}

function readSlowly(tunnel: number, localAddress: string, onBytes: (count: number) => void): net.Socket {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => {});
  socket.write(
    `GET /load-${tunnel}/endless HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  );
  const timer = setInterval(() => {
    const chunk: Buffer | null = socket.read(SLOW_BYTES) ?? socket.read();
    if (chunk !== null) onBytes(chunk.length);
  }, SLOW_EVERY_MS);
  socket.once('close', () => clearInterval(timer));
  return socket;
}
