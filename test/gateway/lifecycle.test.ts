import type { Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../helpers/fake-clock.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { RawClient } from '../http1/raw-client.ts';
import { BEARER, Bench, bodyOf, type GatewayOverrides, portOf, startHttp, stop } from './setup.ts';

let server: Server;
let bench: Bench;
/** Ends the answers that the server has begun. */
let finish: () => void;
/** Sends more of the answer that began last. */
let more: (text: string) => void;

beforeEach(async () => {
  const ends: (() => void)[] = [];
  finish = () => {
    for (const end of ends.splice(0)) end();
  };
  server = await startHttp((request, response) => {
    if (request.url?.endsWith('/sse')) response.setHeader('Content-Type', 'text/event-stream');
    if (request.url === '/legacy/sse') response.write('event: endpoint\ndata: /messages\n\n');
    if (request.url === '/messages')
      return void request.resume().on('end', () => response.writeHead(202).end());
    response.write('data: begun\n\n');
    more = (text) => void response.write(text);
    ends.push(() => response.end('finished'));
  });
});

afterEach(async () => {
  await bench.end();
  await stop(server);
});

async function gateway(overrides?: GatewayOverrides): Promise<void> {
  bench = await new Bench(portOf(server), overrides).listen();
}

async function refusesConnections(): Promise<boolean> {
  const late = new RawClient(bench.port);
  await late.untilEnd();
  return late.reset;
}

describe('a draining gateway', () => {
  it('lets what is in flight end and takes calls meanwhile, then refuses, and closes its port', async () => {
    await gateway();
    const inFlight = bench.send('GET /');
    await inFlight.until('begun');

    const drained = bench.gateway.drain(10_000);
    const taken = bench.send('GET /');
    await taken.until('begun');
    const more = bench.send('GET /sse');
    await more.until('begun');
    finish();
    await drained;
    expect(await taken.untilEnd()).toMatch(/finished\r\n0\r\n\r\n$/);

    expect(await inFlight.untilEnd()).toMatch(/finished\r\n0\r\n\r\n$/);
    expect(bench.events.at(-1)).toMatchObject({ outcome: 'complete', status: 200 });
    expect(await refusesConnections()).toBe(true);
  });

  it('refuses when only later callers are left', async () => {
    await gateway();
    const inFlight = bench.send('POST /', BEARER);
    await inFlight.until('begun');
    const finishFirst = finish;
    const drained = bench.gateway.drain(10_000);
    const later = bench.send('GET /');
    await later.until('begun');
    await inFlight.close();
    await waitFor(() => bench.gateway.draining);

    const refused = await bench.ask('GET /');
    expect(refused).toMatch(/^HTTP\/1\.1 503 /);
    expect(refused).toContain('x-tunneld-reason: draining');
    finishFirst();
    await drained;
  });

  it('ends idle event streams at once, whole', async () => {
    await gateway();
    const stream = bench.send('GET /sse');
    await stream.until('begun');

    await bench.gateway.drain(10_000);

    expect(await stream.untilEnd()).toMatch(/begun\n\n\r\n0\r\n\r\n$/);
    expect(await bench.event()).toMatchObject({ outcome: 'complete', reason: 'drained' });
  });

  it('lets an event that has begun be completed', async () => {
    const clock = new FakeClock();
    await gateway({ clock });
    const stream = bench.send('GET /sse');
    await stream.until('begun');
    more('data: {"half');
    await stream.until('half');
    const drained = bench.gateway.drain(10_000);
    await clock.advance(3_000);
    expect(stream.ended).toBe(false);
    more('":1}\n\n');
    await stream.until('":1}');
    await clock.advance(3_000);
    await drained;

    expect(await stream.untilEnd()).toMatch(/":1}\n\n\r\n0\r\n\r\n$/);
  });

  it('lets a call of a legacy client be answered on its stream first', async () => {
    const clock = new FakeClock();
    await gateway({ clock });
    const stream = bench.send('GET /legacy/sse');
    await stream.until('begun');
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call' });
    await bench.ask(
      'POST /messages',
      `${BEARER}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`,
      body,
    );
    const drained = bench.gateway.drain(10_000);
    await clock.advance(3_000);
    expect(stream.ended).toBe(false);
    more('data: answered\n\n');
    await stream.until('answered');
    await clock.advance(3_000);
    await drained;

    expect(await stream.untilEnd()).toMatch(/answered\n\n\r\n0\r\n\r\n$/);
  });

  it('waits for no probe of ours', async () => {
    await gateway({ clock: new FakeClock() });
    const probe = bench.send('GET /', `${BEARER}X-Tunneld-Probe: probe.key.n1\r\n`);
    await probe.until('begun');

    await bench.gateway.drain(10_000);

    expect(await probe.untilEnd()).not.toMatch(/0\r\n\r\n$/);
  });

  it('ends what is still there after its time, and never as if it were complete', async () => {
    const clock = new FakeClock();
    await gateway({ clock });
    const inFlight = bench.send('GET /');
    await inFlight.until('begun');

    const drained = bench.gateway.drain(10_000);
    await clock.advance(9_999);
    expect(bench.gateway.active).toBe(1);
    await clock.advance(1_000);
    await drained;

    expect(await inFlight.untilEnd()).not.toMatch(/0\r\n\r\n$/);
    expect(bench.events.at(-1)).toMatchObject({ reason: 'drained' });
  });
});

it('closing ends idle connections of callers, too', async () => {
  await gateway();
  const idle = bench.send('GET /.tunneld/healthz');
  await idle.until('200 OK');
  const silent = bench.connect();
  await waitFor(() => !silent.socket.connecting);

  await bench.gateway.close();

  await idle.untilEnd();
  await silent.untilEnd();
  expect(await refusesConnections()).toBe(true);
});

describe('an answer whose server falls silent', () => {
  it('is ended after the idle timeout, so that the caller sees it is not whole', async () => {
    const clock = new FakeClock();
    await gateway({ clock, limits: { idleTimeoutMs: 30_000 } });
    const client = bench.send('GET /');
    await client.until('begun');
    // The sweep has to see the last byte before it can count from it.
    await clock.advance(1_000);

    await clock.advance(28_000);
    expect(bench.gateway.active).toBe(1);
    await clock.advance(3_000);

    expect(bodyOf(await client.untilEnd())).toMatch(/begun\n\n\r\n$/);
    expect(await bench.event()).toMatchObject({ outcome: 'upstream-failed', reason: 'idle' });
  });

  it('goes on when it is an event stream', async () => {
    const clock = new FakeClock();
    await gateway({ clock, limits: { idleTimeoutMs: 30_000 } });
    const client = bench.send('GET /sse');
    await client.until('begun');

    await clock.advance(3_600_000);

    expect(bench.gateway.active).toBe(1);
    finish();
    await client.until('finished');
  });
});

it('a caller who stops in the middle of its body is told so after the idle timeout', async () => {
  const clock = new FakeClock();
  server.removeAllListeners('request').on('request', (request) => void request.resume());
  await gateway({ clock, limits: { idleTimeoutMs: 30_000 } });
  const client = bench.send(
    'POST /',
    `Authorization: Bearer correct-horse-battery-staple\r\nContent-Length: 10\r\n`,
    'half',
  );
  await waitFor(() => bench.gateway.active === 1);

  await clock.advance(35_000);

  expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 408 /);
  await waitFor(() => bench.gateway.active === 0);
});
