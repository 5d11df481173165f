import { describe, expect, it } from 'vitest';
import type { Exchange } from '../../src/core/exchange.ts';
import { PROBE_HEADER } from '../../src/core/markers.ts';
import { FrameType } from '../../src/relay/link/frame.ts';
import { encodeHello, ownTerms } from '../../src/relay/link/hello.ts';
import { CHECK_HEADER } from '../../src/relay/link/link-check.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { fakeRelay } from './fake-relay.ts';
import { dialRawAgent } from './raw-agent.ts';
import { head, openGateway, say, startRelay } from './relay-harness.ts';

const never = new AbortController().signal;

/** What the daemon's own gateway does with a request of ours. */
function proving(exchange: Exchange): void {
  const [, nonce = ''] = (exchange.request.get(PROBE_HEADER) ?? '').split('.');
  exchange.respond(head(200, 0, [PROBE_HEADER, nonce]), undefined, true);
}

const probeHeaders = (nonce: string) => [PROBE_HEADER, `key.${nonce}`];

describe('an agent that asks its relay what it sees', () => {
  it.each([
    ['by path', false],
    ['by host', true],
  ])('hears that the name leads to its gateway, with routing %s', async (_how, byHost) => {
    const relay = await startRelay({ byHost, enforceAccess: true });
    const targets: string[] = [];
    const accept = (exchange: Exchange) => {
      targets.push(`${exchange.request.get('host')} ${exchange.request.target}`);
      proving(exchange);
    };
    const access = { tokens: [{ sha256: '0'.repeat(64) }], query: false, preflight: false };
    const link = await relay.link('figma', accept, { probeHeaders, access });
    expect(await link.check(never)).toEqual({ kind: 'reached' });
    const host = byHost ? 'figma.relay.test' : `127.0.0.1:${relay.port}`;
    expect(targets).toEqual([`${host} /.tunneld/healthz`]);
  });

  it('hears so of each of two links, whichever it asks over', async () => {
    const relay = await startRelay();
    const links = [
      await relay.link('figma', proving, { probeHeaders, group: 'ours' }),
      await relay.link('figma', proving, { probeHeaders, group: 'ours' }),
    ];
    expect(await Promise.all(links.map((link) => link.check(never)))).toEqual([
      { kind: 'reached' },
      { kind: 'reached' },
    ]);
  });

  it('is looked at without a token, and through the real gateway proves itself with its own key', async () => {
    const relay = await startRelay();
    const gateway = openGateway(1);
    gateway.setPublicUrl(new URL(`${relay.url}/figma`));
    const link = await relay.link('figma', (exchange) => gateway.accept(exchange), {
      probeHeaders: (nonce) => [PROBE_HEADER, `probe.key.${nonce}`],
    });
    expect(await link.check(never)).toEqual({ kind: 'reached' });
  });

  it('learns nothing for sure from an answer that does not prove itself', async () => {
    const relay = await startRelay();
    const link = await relay.link('figma', say('hello'));
    expect(await link.check(never)).toMatchObject({
      kind: 'unknown',
      detail: expect.stringContaining('status 200'),
    });
  });

  it('hears that another one serves the name by now', async () => {
    const relay = await startRelay();
    const held: Exchange[] = [];
    const old = await relay.link('figma', (exchange) => void held.push(exchange));
    const call = fetch(`${relay.url}/figma/`);
    await waitFor(() => held.length === 1);
    await relay.link('figma', proving);
    expect(await old.check(never)).toMatchObject({
      kind: 'failed',
      detail: expect.stringContaining('another link serves the name'),
    });
    for (const exchange of held) say('x')(exchange);
    await call;
  });

  it('shares one look with whoever asks at the same time, and is not looked at all the time', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ clock });
    let looks = 0;
    const accept = (exchange: Exchange) => {
      looks += 1;
      proving(exchange);
    };
    const link = await relay.link('figma', accept, { probeHeaders });
    const answers = await Promise.all([link.check(never), link.check(never), link.check(never)]);
    expect(answers).toEqual([{ kind: 'reached' }, { kind: 'reached' }, { kind: 'reached' }]);
    expect(await link.check(never)).toMatchObject({
      kind: 'unknown',
      detail: expect.stringContaining('too often'),
    });
    expect(looks).toBe(1);
    await clock.advance(1_000);
    expect(await link.check(never)).toEqual({ kind: 'reached' });
  });

  it('hears nothing from a relay that knows no such question, at once', async () => {
    const hello = encodeHello({ ...ownTerms(10), publicUrl: 'http://127.0.0.1/figma', link: 'l' });
    const relay = await fakeRelay(hello);
    const harness = await startRelay();
    const link = await harness.link('figma', say('x'), { port: relay.port });
    expect(await link.check(never)).toMatchObject({ kind: 'unknown' });
    expect(relay.frames.some(({ type }) => type === FrameType.check)).toBe(false);
  });

  it('gives up after 10 s, when the link is lost, and when nobody wants to know any more', async () => {
    const hello = encodeHello({
      ...ownTerms(10),
      publicUrl: 'http://127.0.0.1/figma',
      link: 'l',
      checks: true,
    });
    const relay = await fakeRelay(hello);
    const harness = await startRelay();
    const clock = new FakeClock();
    const link = await harness.link('figma', say('x'), { port: relay.port, clock });
    const silent = link.check(never);
    await clock.advance(10_000);
    expect(await silent).toMatchObject({ kind: 'unknown', detail: expect.stringContaining('within 10 s') });
    const abort = new AbortController();
    const unwanted = link.check(abort.signal);
    abort.abort(new Error('no longer wanted'));
    await expect(unwanted).rejects.toThrow('no longer wanted');
    const cut = link.check(never);
    await link.close();
    expect(await cut).toMatchObject({ kind: 'unknown', detail: expect.stringContaining('lost') });
  });
});

describe('a visitor', () => {
  it('gains nothing from the header of such a look', async () => {
    const relay = await startRelay({ enforceAccess: true });
    const seen: (string | undefined)[] = [];
    const access = { tokens: [], query: false, preflight: false };
    const accept = (exchange: Exchange) => {
      seen.push(exchange.request.get(PROBE_HEADER));
      say('x')(exchange);
    };
    await relay.link('figma', accept, { probeHeaders, access });
    const headers = { [CHECK_HEADER]: 'a-guess-of-some-length' };
    expect((await fetch(`${relay.url}/figma/`, { headers })).status).toBe(401);
    await relay.link('open', accept, { probeHeaders });
    await (await fetch(`${relay.url}/open/`, { headers })).text();
    expect(seen).toEqual([undefined]);
  });
});

describe('a relay', () => {
  it('ends the link of an agent whose question is none', async () => {
    const relay = await startRelay();
    const agent = await dialRawAgent(relay.port, 'figma');
    agent.frame(FrameType.check, 0, Buffer.from('{"nonce":"../../etc"}'));
    await waitFor(() => agent.closed);
    expect(relay.server.stats.links).toBe(0);
  });
});
