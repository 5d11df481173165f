/**
 * `npm run bench:delay [-- --quick]`: the link over a long way. Bulk through the tunnel against one plain
 * TCP stream over the same way, and what events and small calls feel beside it.
 */
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Child, startProgram } from './child.ts';

interface Path {
  readonly rttMs: number;
  readonly mbit: number;
  readonly stallMs: number;
}

const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, rtt: { type: 'string' }, mbit: { type: 'string' } },
});
const PATHS: readonly Path[] = [
  ...[10, 50, 150].flatMap((rttMs) => [100, 20].map((mbit) => ({ rttMs, mbit, stallMs: 0 }))),
  { rttMs: 50, mbit: 100, stallMs: 100 },
].filter(
  ({ rttMs, mbit }) =>
    (values.rtt === undefined || values.rtt === String(rttMs)) &&
    (values.mbit === undefined || values.mbit === String(mbit)),
);
/** Until the rate has settled, and then for the count (milliseconds). */
const [WARM_MS, COUNT_MS] = values.quick === true ? [1_000, 1_500] : [2_000, 4_000];
const CALL_EVERY_MS = 40;

const token = randomBytes(24).toString('base64url');
const agentOptions = { headers: { authorization: `Bearer ${token}` } };

process.stdout.write(
  '| RTT ms | Mbit/s | stalls | plain down | tunnel down |  | plain up | tunnel up |  | event p50/p99 ms: idle | down | up | call p50/p99 ms: idle | down | up |\n' +
    `${'|---'.repeat(15)}|\n`,
);
for (const path of PATHS) process.stdout.write(`${row(path, await measure(path))}\n`);

interface Beside {
  readonly bytesPerSecond: number;
  readonly events: readonly number[];
  readonly calls: readonly number[];
}

interface Cell {
  readonly plain: { readonly down: number; readonly up: number };
  readonly idle: Beside;
  readonly down: Beside;
  readonly up: Beside;
}

async function measure({ rttMs, mbit, stallMs }: Path): Promise<Cell> {
  const children: Child[] = [];
  const start = async (program: string, env: Record<string, string>) => {
    const child = await startProgram(program, env);
    children.push(child);
    return child.port;
  };
  const long = (target: number) =>
    start('delay-path', {
      TARGET_PORT: String(target),
      PATH_RTT_MS: String(rttMs),
      PATH_MBIT: String(mbit),
      PATH_STALL_MS: String(stallMs),
    });
  try {
    const origin = await start('delay-origin', {});
    const relay = await start('relay', {});
    const linkPath = await long(relay);
    await start('agent', {
      ORIGIN_PORT: String(origin),
      BENCH_TOKEN: token,
      RELAY_PORT: String(linkPath),
    });
    const plainPath = await long(origin);
    const plain = `http://127.0.0.1:${plainPath}`;
    const tunnel = `http://127.0.0.1:${relay}/bench`;
    const direct = `http://127.0.0.1:${origin}`;
    return {
      plain: { down: await download(plain), up: await upload(plain, direct) },
      idle: await beside(tunnel, async () => await delay(COUNT_MS).then(() => 0)),
      down: await beside(tunnel, () => download(tunnel)),
      up: await beside(tunnel, () => upload(tunnel, direct)),
    };
  } finally {
    for (const child of children.reverse()) await child.stop();
  }
}

/** Bytes a second, once the rate has settled. */
async function download(base: string): Promise<number> {
  let bytes = 0;
  const request = http.get(`${base}/down`, { ...agentOptions, agent: false }, (response) => {
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    response.on('error', () => {});
  });
  request.on('error', () => {});
  const rate = await settledRate(async () => bytes);
  request.destroy();
  return rate;
}

async function upload(base: string, direct: string): Promise<number> {
  const piece = Buffer.alloc(65_536, 'u');
  const request = http.request(`${base}/up`, { ...agentOptions, method: 'POST', agent: false });
  request.on('error', () => {});
  const send = () => {
    while (!request.destroyed && request.write(piece));
  };
  request.on('drain', send);
  send();
  const rate = await settledRate(async () => Number(await (await fetch(`${direct}/received`)).text()));
  request.destroy();
  return rate;
}

async function settledRate(count: () => Promise<number>): Promise<number> {
  await delay(WARM_MS);
  const [before, from] = [await count(), performance.now()];
  await delay(COUNT_MS);
  return ((await count()) - before) / ((performance.now() - from) / 1_000);
}

/** What one event stream and one caller feel while `work` goes on (milliseconds). */
async function beside(tunnel: string, work: () => Promise<number>): Promise<Beside> {
  const events: number[] = [];
  const calls: number[] = [];
  const stream = http.get(`${tunnel}/events`, { ...agentOptions, agent: false }, (response) => {
    response.setEncoding('utf8').on('data', (text: string) => {
      const now = process.hrtime.bigint();
      for (const [, sent] of text.matchAll(/data: (\d+)\n/g))
        events.push(Number(now - BigInt(sent ?? 0)) / 1e6);
    });
    response.on('error', () => {});
  });
  stream.on('error', () => {});
  const stop = new AbortController();
  const calling = call(tunnel, calls, stop.signal);
  const started = delay(WARM_MS).then(() => {
    events.length = 0;
    calls.length = 0;
  });
  const bytesPerSecond = await work();
  await started;
  stop.abort();
  stream.destroy();
  await calling;
  return { bytesPerSecond, events, calls };
}

async function call(tunnel: string, calls: number[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const from = performance.now();
    await (await fetch(`${tunnel}/call`, { ...agentOptions, method: 'POST', body: 'x'.repeat(500) })).text();
    calls.push(performance.now() - from);
    await delay(CALL_EVERY_MS);
  }
}

function row({ rttMs, mbit, stallMs }: Path, { plain, idle, down, up }: Cell): string {
  const rate = (bytes: number) => ((bytes * 8) / 1e6).toFixed(1);
  const share = (part: number, whole: number) => `${((part / whole) * 100).toFixed(0)} %`;
  const spread = (values: readonly number[]) => {
    const sorted = Float64Array.from(values).sort();
    const at = (part: number) => (sorted[Math.floor(sorted.length * part)] ?? Number.NaN).toFixed(0);
    return `${at(0.5)} / ${at(0.99)}`;
  };
  const cells = [
    rttMs,
    mbit,
    stallMs > 0 ? `${stallMs} ms a second` : '-',
    rate(plain.down),
    rate(down.bytesPerSecond),
    share(down.bytesPerSecond, plain.down),
    rate(plain.up),
    rate(up.bytesPerSecond),
    share(up.bytesPerSecond, plain.up),
    spread(idle.events),
    spread(down.events),
    spread(up.events),
    spread(idle.calls),
    spread(down.calls),
    spread(up.calls),
  ];
  return `| ${cells.join(' | ')} |`;
}
