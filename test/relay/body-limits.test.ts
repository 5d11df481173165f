import { describe, expect, it } from 'vitest';
import type { Exchange } from '../../src/core/exchange.ts';
import { Flow } from '../../src/core/exchange.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { connectTo } from '../http1/raw-client.ts';
import { collect, echo, head, say, startRelay } from './relay-harness.ts';

const LIMIT = 1_000;

describe('a request body over the limit', () => {
  const limited = async (accept: (exchange: Exchange) => void) => {
    const relay = await startRelay({ byHost: true, limits: { maxRequestBodyBytes: LIMIT } });
    const ends: string[] = [];
    let asked = 0;
    await relay.link('figma', (exchange) => {
      asked++;
      exchange.onClose = (reason) => ends.push(reason);
      accept(exchange);
    });
    return { relay, visitor: connectTo(relay.port), asked: () => asked, ends };
  };
  const post = (framing: string) =>
    `POST /mcp HTTP/1.1\r\nHost: figma.relay.test\r\nContent-Type: application/json\r\n${framing}\r\n\r\n`;

  it('is refused by its length alone, before the agent hears of it and before 100 Continue', async () => {
    const { visitor, asked } = await limited(say('never'));
    visitor.send(post(`Content-Length: ${LIMIT + 1}\r\nExpect: 100-continue`));
    const text = await visitor.untilEnd();
    expect(text).toMatch(/^HTTP\/1\.1 413 Content Too Large\r\n/);
    expect(text).toContain('x-tunneld-relay: request-too-large\r\n');
    expect(text).toContain('"data":{"tunneld":{"reason":"request-too-large"}}');
    expect([asked(), visitor.reset]).toEqual([0, false]);
  });

  it('is refused while it is counted, and the agent’s stream is reset', async () => {
    const { relay, visitor, ends } = await limited((exchange) =>
      collect(exchange, () => say('never')(exchange)),
    );
    visitor.send(post('Transfer-Encoding: chunked'));
    const chunk = `100\r\n${'x'.repeat(256)}\r\n`;
    visitor.send(chunk.repeat(3));
    await waitFor(() => relay.server.stats.streams === 1);
    visitor.send(chunk.repeat(2_000));
    const text = await visitor.untilEnd();
    expect(text).toMatch(/^HTTP\/1\.1 413 .*\r\nConnection: close\r\n/s);
    // What was still on its way is read: an answer that a reset overtakes reaches nobody.
    expect(visitor.reset).toBe(false);
    await waitFor(() => ends.length === 1);
    expect(ends).toEqual(['caller-gone']);
    expect(relay.server.stats).toMatchObject({ links: 1, streams: 0 });
  });

  it('never reaches the agent when its first bytes are too many already', async () => {
    const { visitor, asked } = await limited(say('never'));
    visitor.send(`${post('Transfer-Encoding: chunked')}7d0\r\n${'x'.repeat(2_000)}\r\nnonsense`);
    expect(await visitor.until('}}')).toMatch(/^HTTP\/1\.1 413 /);
    // A connection that is gone would answer this with a reset, which can overtake the 413.
    visitor.send('and more nonsense');
    await visitor.untilEnd();
    visitor.send('and more');
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect([asked(), visitor.reset]).toEqual([0, false]);
  });

  it('breaks the connection when the answer has begun', async () => {
    const { visitor, ends } = await limited(echo);
    visitor.send(`${post('Transfer-Encoding: chunked')}5\r\nhello\r\n`);
    await visitor.until('hello');
    visitor.send(`7d0\r\n${'x'.repeat(2_000)}\r\n0\r\n\r\n`);
    expect(await visitor.untilEnd()).not.toContain('\r\n0\r\n');
    await waitFor(() => ends.length === 1);
  });

  it('is not one of exactly the limit', async () => {
    const { visitor } = await limited((exchange) =>
      collect(exchange, (body) => say(`${body.length} bytes`)(exchange)),
    );
    visitor.send(post(`Content-Length: ${LIMIT}`) + 'x'.repeat(LIMIT));
    await visitor.until('1000 bytes');
    visitor.send(`${post('Transfer-Encoding: chunked')}3e8\r\n${'x'.repeat(LIMIT)}\r\n0\r\n\r\n`);
    await waitFor(() => visitor.received.split('1000 bytes').length === 3);
    expect(visitor.ended).toBe(false);
  });
});

describe('an answer over the limit', () => {
  const limited = async (accept: (exchange: Exchange) => void) => {
    const relay = await startRelay({ byHost: true, limits: { maxResponseBodyBytes: LIMIT } });
    await relay.link('figma', accept);
    const visitor = connectTo(relay.port);
    visitor.send('GET /big HTTP/1.1\r\nHost: figma.relay.test\r\n\r\n');
    return { relay, visitor };
  };

  it.each([
    ['by its declared length', head(200, LIMIT + 1), 'x'],
    ['by its first bytes', head(200), 'x'.repeat(LIMIT + 1)],
  ])('is 502 with the reason before any byte of it: %s', async (_how, answer, first) => {
    const { relay, visitor } = await limited((exchange) => void exchange.respond(answer, Buffer.from(first)));
    const text = await visitor.until('}');
    expect(text).toMatch(/^HTTP\/1\.1 502 /);
    expect(text).toContain('x-tunneld-relay: answer-too-large\r\n');
    expect(text).not.toContain('xx');
    await waitFor(() => relay.server.stats.streams === 0);
  });

  it('ends visibly cut when it grew while it was sent, and the agent stops', async () => {
    const closes: string[] = [];
    const { visitor } = await limited((exchange) => {
      exchange.onClose = (reason) => closes.push(reason);
      exchange.respond(head(200), Buffer.alloc(600, 'a'));
      exchange.readBody({ data: () => Flow.consumed, end: () => {}, abort: () => {} });
      exchange.write(Buffer.alloc(600, 'b'));
    });
    const text = await visitor.untilEnd();
    expect(text).toContain('a'.repeat(600));
    expect(text).not.toContain('\r\n0\r\n');
    await waitFor(() => closes.length === 1);
    expect(closes).toEqual(['caller-gone']);
  });

  it('is neither a HEAD’s length nor an upgraded connection', async () => {
    const relay = await startRelay({
      byHost: true,
      limits: { maxResponseBodyBytes: LIMIT, maxRequestBodyBytes: LIMIT },
    });
    await relay.link('figma', (exchange) => {
      if (exchange.request.method === 'HEAD') {
        exchange.respond(head(200, 50_000), undefined, true);
        return;
      }
      exchange.respond(head(101, undefined, ['Connection', 'Upgrade', 'Upgrade', 'echo']));
      exchange.readBody({
        data: (chunk) => exchange.write(Buffer.from(chunk)),
        end: () => exchange.end(),
        abort: () => {},
      });
    });
    const visitor = connectTo(relay.port);
    visitor.send('HEAD / HTTP/1.1\r\nHost: figma.relay.test\r\n\r\n');
    await visitor.until('Content-Length: 50000\r\n');
    visitor.send('GET / HTTP/1.1\r\nHost: figma.relay.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    await visitor.until(' 101 ');
    visitor.send(`${'y'.repeat(5_000)}!`);
    await visitor.until('y!');
    expect(visitor.ended).toBe(false);
  });

  it('is one of no length at all while there is no limit', async () => {
    const relay = await startRelay({ limits: { maxRequestBodyBytes: 0, maxResponseBodyBytes: 0 } });
    await relay.link('figma', echo);
    const body = Buffer.alloc(3_000_000, 'z');
    const answer = await fetch(`${relay.url}/figma/`, { method: 'POST', body });
    expect(Buffer.from(await answer.arrayBuffer()).equals(body)).toBe(true);
  });
});
