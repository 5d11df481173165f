/** Those who use the relay as it is not meant to be used. */
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createKey, upgradeRequest } from '../../src/relay/link/websocket-handshake.ts';
import { addressOf } from '../load/addresses.ts';
import { serve } from '../load/ipc.ts';

export interface AttackJob {
  /** Kept open at once, as far as the relay lets them. */
  readonly sockets: number;
  /** One that was closed is replaced, up to so many in a second. */
  readonly perSecond: number;
  readonly durationMs: number;
}

export interface AttackOutcome {
  readonly opened: number;
  /** First words of the relay, `101` or `503`, and how often; `none`: it closed without a word. */
  readonly answers: Readonly<Record<string, number>>;
  /** Sockets the relay had not ended so long after the last one was opened. */
  readonly left: number;
  /** From the end of the attack to the end of its last socket (milliseconds). */
  readonly clearedMs: number;
}

interface Behaviour {
  /** What a socket does once it is connected. @returns how it stops */
  act(socket: net.Socket, index: number): () => void;
  /** Sockets of one address. */
  readonly perAddress: number;
  readonly group: number;
  /** The relay has no reason to end them; they go away when the time is up. */
  readonly lawful?: boolean;
}

/** Longer than every deadline of the relay that these attacks run into. */
const CLEAR_WITHIN_MS = 20_000;
const CHUNK = Buffer.alloc(65_536, 'x');
/** A third of a gigabit line, full. */
const BODY_BYTES_PER_SECOND = 40_000_000;

const port = Number(process.env['RELAY_PORT']);
const host = `127.0.0.1:${port}`;

serve({
  register: (job: AttackJob) => attack(job, { act: register, perAddress: 50, group: 66 }),
  registerFromOne: (job: AttackJob) => attack(job, { act: register, perAddress: 1e9, group: 67 }),
  slowloris: (job: AttackJob) => attack(job, { act: dribble, perAddress: 50, group: 68 }),
  bodies: (job: AttackJob) =>
    attack(job, {
      act: (socket) => pour(socket, job.sockets, '/load-0/sink', ''),
      perAddress: 50,
      group: 69,
    }),
  /** With the right token, to a server that does not read. */
  stuck: (job: AttackJob) =>
    attack(job, {
      act: (socket) =>
        pour(socket, job.sockets, '/load-0/stuck', `Authorization: Bearer ${process.env['BENCH_TOKEN']}\r\n`),
      perAddress: 50,
      group: 70,
      lawful: true,
    }),
});

async function attack(job: AttackJob, { act, perAddress, group, lawful }: Behaviour): Promise<AttackOutcome> {
  const open = new Set<net.Socket>();
  const answers: Record<string, number> = {};
  let opened = 0;
  const openOne = () => {
    const index = opened++;
    const localAddress = addressOf(group, Math.floor((index % job.sockets) / perAddress));
    const socket = net.connect({ port, host: '127.0.0.1', localAddress });
    let stop = () => {};
    let answer = 'none';
    open.add(socket);
    socket.once('connect', () => {
      stop = act(socket, index);
    });
    socket.once('data', (text: Buffer) => {
      answer = text.toString('latin1', 9, 12);
    });
    socket.resume();
    socket.on('error', () => {});
    socket.once('close', () => {
      stop();
      open.delete(socket);
      answers[answer] = (answers[answer] ?? 0) + 1;
    });
  };
  const started = performance.now();
  while (performance.now() - started < job.durationMs) {
    const due = ((performance.now() - started) / 1_000) * job.perSecond;
    while (open.size < job.sockets && opened < due) openOne();
    await delay(5);
  }
  const ended = performance.now();
  while (!lawful && open.size > 0 && performance.now() - ended < CLEAR_WITHIN_MS) await delay(20);
  const clearedMs = performance.now() - ended;
  const left = open.size;
  for (const socket of open) socket.destroy();
  return { opened, answers, left, clearedMs };
}

/** Half of them ask for a link and say nothing; the others say nonsense. */
function register(socket: net.Socket, index: number): () => void {
  socket.write(upgradeRequest(new URL(`http://${host}`), createKey()));
  if (index % 2 === 1) socket.once('data', () => socket.write(Buffer.alloc(2_048, index)));
  return () => {};
}

/** A head that never ends. */
function dribble(socket: net.Socket): () => void {
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nX-Slow: `);
  const timer = setInterval(() => socket.write('a'), 1_000);
  return () => clearInterval(timer);
}

/** A body without an end. The budget is for all: what is attacked is the relay, not the loopback's bandwidth. */
function pour(socket: net.Socket, sockets: number, path: string, token: string): () => void {
  const everyMs = (sockets * CHUNK.length * 1_000) / BODY_BYTES_PER_SECOND;
  socket.write(`POST ${path} HTTP/1.1\r\nHost: ${host}\r\n${token}Content-Length: 10000000000\r\n\r\n`);
  const timer = setInterval(() => {
    if (!socket.writableNeedDrain) socket.write(CHUNK);
  }, everyMs);
  return () => clearInterval(timer);
}
