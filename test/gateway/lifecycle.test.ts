import type { Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../helpers/fake-clock.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { RawClient } from '../http1/raw-client.ts';
import { Bench, bodyOf, type GatewayOverrides, portOf, startHttp, stop } from './setup.ts';

let server: Server;
let bench: Bench;
/** Ends the answers that the server has begun. */
let finish: () => void;

beforeEach(async () => {
  const ends: (() => void)[] = [];
  finish = () => {
    for (const end of ends.splice(0)) end();
  };
  server = await startHttp((request, response) => {
    if (request.url === '/sse') response.setHeader('Content-Type', 'text/event-stream');
    response.write('data: begun\n\n');
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
  it('lets what is in flight end, takes nothing new, and closes its port', async () => {
    await gateway();
    const inFlight = bench.send('GET /');
    await inFlight.until('begun');

    const drained = bench.gateway.drain(10_000);
    const refused = await bench.ask('GET /');
    expect(refused).toMatch(/^HTTP\/1\.1 503 /);
    expect(refused).toContain('x-tunneld-reason: draining');
    finish();
    await drained;

    expect(await inFlight.untilEnd()).toMatch(/finished\r\n0\r\n\r\n$/);
    expect(bench.events.at(-1)).toMatchObject({ outcome: 'complete', status: 200 });
    expect(await refusesConnections()).toBe(true);
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
