import { request as httpRequest, type IncomingMessage } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { type Exchange, Flow } from '../../../src/core/exchange.ts';
import { Secret } from '../../../src/core/secret.ts';
import { responseHead } from '../../../src/http1/response-head.ts';
import { openMcpTunnelSession } from '../../../src/mcp-tunnel/agent/open-session.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { FaultProxy } from '../../helpers/fault-proxy.ts';
import { ReferenceRelay, type ReferenceRelayOptions } from '../../helpers/mcp-tunnel/reference-relay.ts';
import { quiet } from '../../helpers/quiet.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { collect, head, say } from '../../relay/relay-harness.ts';

type Accept = (exchange: Exchange) => void;

async function startRelay(options: Partial<ReferenceRelayOptions>): Promise<ReferenceRelay> {
  const relay = await ReferenceRelay.start({ generation: '0.2', clock: systemClock, ...options });
  onTestFinished(() => relay[Symbol.asyncDispose]());
  return relay;
}

async function dial(
  relay: { readonly url: URL },
  options: { accept?: Accept; name?: string; token?: string; clock?: Clock } = {},
) {
  const link = await openMcpTunnelSession({
    relayUrl: relay.url,
    publicHosts: ['localhost', '127.0.0.1'],
    name: options.name ?? '127',
    token: new Secret(options.token ?? 'tok_abc'),
    accept: options.accept ?? say('through'),
    signal: new AbortController().signal,
    clock: options.clock ?? systemClock,
    log: quiet,
  });
  onTestFinished(() => link.close());
  return link;
}

/** With a clock of the test's own, the moment until the name is routed has to be let pass. */
async function dialAt(clock: FakeClock, relay: ReferenceRelay, accept: Accept) {
  const opening = dial(relay, { accept, clock });
  await waitFor(() => relay.tunnels.size === 1);
  await clock.advance(100);
  return await opening;
}

/** Lets time pass no faster than the relay answers our pings. */
async function pass(clock: FakeClock, relay: ReferenceRelay, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 5_000) {
    const { pings } = relay;
    await clock.advance(5_000);
    await waitFor(() => relay.pings > pings);
    // The pong is on its way back.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A request whose answer may be read slowly, broken or never. */
function visit(
  relay: { readonly url: URL },
  options: { method?: string; path?: string; headers?: string[]; body?: string } = {},
): { answer: Promise<IncomingMessage>; abort(): void } {
  const { method = 'GET', path = '/mcp', headers = [], body } = options;
  const request = httpRequest({
    host: '127.0.0.1',
    port: relay.url.port,
    method,
    path,
    headers: ['Host', relay.url.host, 'Connection', 'close', ...headers] as unknown as Record<string, string>,
    setHost: false,
  });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });
  answer.catch(() => {});
  request.end(body);
  return { answer, abort: () => request.destroy() };
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += String(chunk);
  return text;
}

const JSON_CALL = {
  method: 'POST',
  headers: ['Content-Type', 'application/json'],
  body: '{"jsonrpc":"2.0","id":7,"method":"tools/call"}',
};

describe.each(['0.1', '0.2'] as const)('a request through a relay of mcp-tunnel %s', (generation) => {
  it('arrives whole, and so does the answer', async () => {
    const relay = await startRelay({ generation });
    const seen: string[] = [];
    await dial(relay, {
      accept: (exchange) => {
        const { request, peer } = exchange;
        seen.push(`${request.method} ${request.target} ${request.get('x-list')} ${request.get('host')}`);
        seen.push(`${peer.address} ${peer.scheme} ${peer.host} ${peer.via}`);
        collect(exchange, (body) => {
          const echoed = Buffer.from(`${body} back`);
          exchange.respond(head(201, echoed.length, ['X-Mark', 'a', 'Vary', 'b', 'Vary', 'c']), echoed, true);
        });
      },
    });
    const host = relay.url.host;
    const { answer } = visit(relay, {
      method: 'POST',
      path: '/mcp?a=%2e%2e',
      headers: ['X-List', '1', 'X-Forwarded-For', '203.0.113.9', 'Content-Length', '4'],
      body: 'över'.slice(0, 3),
    });
    const response = await answer;
    expect([response.statusCode, response.headers['x-mark'], response.headers['vary']]).toEqual([
      201,
      'a',
      'b, c',
    ]);
    expect(await textOf(response)).toBe('öve back');
    // What a caller says of himself is not who he is.
    expect(seen).toEqual([`POST /mcp?a=%2e%2e 1 ${host}`, `unknown http ${host} provider`]);
  });

  it('is refused instead of being read in two ways', async () => {
    const relay = await startRelay({ generation });
    let accepted = 0;
    await dial(relay, { accept: () => accepted++ });
    await waitFor(() => relay.tunnels.size === 1);
    const kind = generation === '0.2' ? { kind: 'request' } : {};
    const odd = [
      { method: 'GET', path: '/ HTTP/1.1\r\nX-Evil: 1\r\nX:', headers: {} },
      { method: 'GET /x HTTP/1.1\r\nA:', path: '/', headers: {} },
      { method: 'GET', path: '/', headers: { host: 'a b' } },
      { method: 'POST', path: '/', headers: { host: 'a\r\nTransfer-Encoding: chunked' } },
      { method: 'GET', path: '/', headers: { host: 'a\r\nContent-Length: 40' } },
      { method: 'GET', path: '/', headers: { host: 'a\r\nConnection: upgrade\r\nUpgrade: websocket' } },
      { method: 'POST', path: '/', headers: {}, body: 'not base64' },
    ];
    for (const [index, rest] of odd.entries()) {
      const request = { ...kind, id: `odd-${index}`, ...rest, headers: { host: 'a', ...rest.headers } };
      relay.say('127', JSON.stringify(request));
    }
    await waitFor(() => {
      const answers = relay.messages(generation === '0.2' ? 'response_head' : undefined);
      expect(answers.map(({ id, status }) => [id, status])).toEqual(
        odd.map((_, index) => [`odd-${index}`, 400]),
      );
      return true;
    });
    expect(accepted).toBe(0);
  });

  it('is refused when its headers are larger than any relay of ours sends', async () => {
    const relay = await startRelay({ generation });
    await dial(relay, { accept: () => expect.unreachable() });
    const headers = { host: 'a', 'x-a': 'a'.repeat(32_768) };
    const kind = generation === '0.2' ? { kind: 'request' } : {};
    relay.say('127', JSON.stringify({ ...kind, id: 'big', method: 'GET', path: '/', headers }));
    const answers = () => relay.messages(generation === '0.2' ? 'response_head' : undefined);
    expect((await waitFor(() => answers()[0]))['status']).toBe(431);
  });

  it('gets a JSON answer after 25 s, before the relay gives up in its own words', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ generation, clock });
    const reasons: string[] = [];
    await dialAt(clock, relay, (exchange) => {
      exchange.onClose = (reason) => reasons.push(reason);
    });
    const { answer } = visit(relay, JSON_CALL);
    await waitFor(() => clock.pending >= 3);
    // The request came at 100 ms, when the link was counted as open.
    await pass(clock, relay, 20_000);
    await clock.advance(4_999);
    expect(reasons).toEqual([]);
    await clock.advance(1);
    const response = await answer;
    expect(response.statusCode).toBe(504);
    expect(JSON.parse(await textOf(response))).toMatchObject({
      jsonrpc: '2.0',
      id: 7,
      error: { data: { tunneld: { reason: 'answer-too-late' } } },
    });
    expect(reasons).toEqual(['answer-too-late']);
  });

  it('ends at once when the link is lost', async () => {
    const relay = await startRelay({ generation });
    const reasons: string[] = [];
    let accepted = 0;
    const link = await dial(relay, {
      accept: (exchange) => {
        accepted++;
        exchange.onClose = (reason) => reasons.push(reason);
      },
    });
    visit(relay);
    await waitFor(() => accepted > 0);
    relay.cut();
    expect(await link.closed).toMatchObject({ reason: 'ended', error: { code: 'SESSION_LOST' } });
    expect(reasons).toEqual(['link-lost']);
  });

  it('is told which generation it was by the notes of the session', async () => {
    const relay = await startRelay({ generation });
    const link = await dial(relay);
    expect(link.notes[0]).toContain('0.1 or of 0.2');
    await textOf(await visit(relay).answer);
    expect(link.notes[0]).toContain(generation);
    expect(link.notes.join()).toContain(generation === '0.1' ? 'carried whole' : 'streamed');
    expect(link.notes.join()).toContain('calls itself https://127.0.0.1');
  });
});

describe('an answer through a relay of mcp-tunnel 0.1', () => {
  it('is refused when it is larger than the relay takes, and nothing of it is kept', async () => {
    const relay = await startRelay({ generation: '0.1' });
    const reasons: string[] = [];
    await dial(relay, {
      accept: (exchange) => {
        exchange.onClose = (reason) => reasons.push(reason);
        exchange.respond(head(200, undefined, ['X-Tunneld', 'me']));
        for (let mebibytes = 0; mebibytes < 11; mebibytes++) exchange.write(Buffer.alloc(1_048_576));
      },
    });
    const response = await visit(relay, JSON_CALL).answer;
    expect([response.statusCode, response.headers['x-tunneld']]).toEqual([502, 'me']);
    expect(JSON.parse(await textOf(response))).toMatchObject({
      id: 7,
      error: { data: { tunneld: { reason: 'answer-too-large' } } },
    });
    expect(reasons).toEqual(['answer-too-large']);
  });

  it('has no stream to offer to a GET, and says so at once', async () => {
    const relay = await startRelay({ generation: '0.1' });
    const reasons: string[] = [];
    await dial(relay, {
      accept: (exchange) => {
        exchange.onClose = (reason) => reasons.push(reason);
        exchange.respond(eventStream());
      },
    });
    const response = await visit(relay).answer;
    expect([response.statusCode, response.headers['x-tunneld']]).toEqual([405, 'me']);
    expect(reasons).toEqual(['no-stream']);
  });

  it('carries the events of a POST together, once the stream has ended', async () => {
    const relay = await startRelay({ generation: '0.1' });
    await dial(relay, {
      accept: (exchange) => {
        exchange.respond(eventStream());
        exchange.write(Buffer.from('data: 1\n\n'));
        exchange.write(Buffer.from('data: 2\n\n'));
        exchange.end();
      },
    });
    expect(await textOf(await visit(relay, JSON_CALL).answer)).toBe('data: 1\n\ndata: 2\n\n');
  });

  it('that broke off is an error, not a shorter answer', async () => {
    const relay = await startRelay({ generation: '0.1' });
    await dial(relay, {
      accept: (exchange) => {
        exchange.respond(head(200, 10));
        exchange.write(Buffer.from('half'));
        exchange.abort('upstream-broken');
      },
    });
    const response = await visit(relay).answer;
    expect(response.statusCode).toBe(502);
    expect(await textOf(response)).toContain('answer-broken');
  });
});

describe('an answer through a relay of mcp-tunnel 0.2', () => {
  it('streams its events as they come', async () => {
    const relay = await startRelay({});
    let exchange: Exchange | undefined;
    await dial(relay, {
      accept: (accepted) => {
        exchange = accepted;
        accepted.respond(eventStream());
      },
    });
    const response = await visit(relay).answer;
    const events: string[] = [];
    response.setEncoding('utf8').on('data', (text: string) => events.push(text));
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      exchange?.write(Buffer.from(event));
      await waitFor(() => events.at(-1) === event);
    }
    exchange?.end();
    await waitFor(() => response.complete);
    expect(relay.messages('response_chunk').at(-1)).toMatchObject({ data: '', last: true });
  });

  it('is never made to look complete when it broke off', async () => {
    const relay = await startRelay({});
    await dial(relay, {
      accept: (exchange) => {
        exchange.respond(head(200));
        exchange.write(Buffer.from('half'));
        exchange.abort('upstream-broken');
      },
    });
    const response = await visit(relay).answer;
    await expect(textOf(response)).rejects.toThrow('aborted');
    expect(relay.messages('response_chunk').some(({ last }) => last === true)).toBe(false);
    expect(relay.messages('response_error')).toMatchObject([{ message: 'upstream-broken' }]);
  });

  it('ends with an error when it is shorter or longer than it said', async () => {
    const relay = await startRelay({});
    const bodies = ['short', 'much too long'];
    await dial(relay, {
      accept: (exchange) => {
        exchange.respond(head(200, 8));
        exchange.write(Buffer.from(bodies.shift() ?? ''));
        exchange.end();
      },
    });
    for (const reason of ['answer-too-short', 'answer-too-long']) {
      // The relay took the length away, so only the error tells.
      await expect(visit(relay).answer.then(textOf)).rejects.toThrow();
      expect(relay.messages('response_error').at(-1)).toMatchObject({ message: reason });
    }
  });

  it('ends at once when the relay cancels', async () => {
    const relay = await startRelay({});
    const reasons: string[] = [];
    let exchange: Exchange | undefined;
    await dial(relay, {
      accept: (accepted) => {
        if (accepted.request.target === '/other') return say('other')(accepted);
        exchange = accepted;
        accepted.onClose = (reason) => reasons.push(reason);
        accepted.respond(eventStream());
      },
    });
    const visitor = visit(relay);
    await visitor.answer;
    visitor.abort();
    // This relay notices only when it has something to pass on.
    await waitFor(() => {
      exchange?.write(Buffer.from(': keep-alive\n\n'));
      return reasons.length > 0;
    });
    expect(reasons).toEqual(['caller-gone']);
    const sent = relay.received.length;
    exchange?.write(Buffer.from('too late'));
    exchange?.end();
    expect(await textOf(await visit(relay, { path: '/other' }).answer)).toBe('other');
    const late = Buffer.from('too late').toString('base64');
    expect(relay.received.slice(sent).filter((text) => text.includes(late))).toEqual([]);
  });

  it('waits while the relay does not read, and small answers pass the big one', async () => {
    const relay = await startRelay({});
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    onTestFinished(() => proxy.close());
    const piece = Buffer.alloc(262_144, 'x');
    let written = 0;
    let paused = 0;
    const total = 32 * 1_048_576;
    await dial(
      { url: new URL(`http://127.0.0.1:${proxy.port}`) },
      {
        accept: (exchange) => {
          if (exchange.request.target === '/small') return say('small')(exchange);
          exchange.respond(head(200));
          const produce = () => {
            while (written < total) {
              written += piece.length;
              if (exchange.write(piece) === Flow.paused) {
                paused++;
                return;
              }
            }
            exchange.end();
          };
          exchange.onDrain = produce;
          produce();
        },
      },
    );
    proxy.faults.bytesPerSecond = 20_000_000;
    const visitor = { url: new URL(`http://127.0.0.1:${relay.port}`) };
    const big = await visit(visitor).answer;
    let read = 0;
    big.on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
    await waitFor(() => paused > 0);
    // What waits is the socket's backlog, not the answer.
    expect(written).toBeLessThan(total / 2);
    const small = await visit(visitor, { path: '/small' }).answer;
    expect(await textOf(small)).toBe('small');
    expect(read).toBeLessThan(total);
    await waitFor(() => big.complete, { timeoutMs: 20_000 });
    expect(read).toBe(total);
  });
});

describe('a relay of mcp-tunnel that asks and reads no answers', () => {
  it('is left before they fill the memory', async () => {
    const relay = await startRelay({});
    const answer = head(200, 0, ['X-Long', 'a'.repeat(30_000)]);
    const link = await dial(relay, { accept: (exchange) => void exchange.respond(answer, undefined, true) });
    relay.tunnels.get('127')?.ws.pause();
    for (let n = 0; n < 4_000; n++) {
      const request = { kind: 'request', id: `n${n}`, method: 'GET', path: '/', headers: { host: 'a' } };
      relay.say('127', JSON.stringify(request));
    }
    expect(await link.closed).toMatchObject({
      reason: 'ended',
      error: { code: 'SESSION_LOST', message: 'the relay reads no answers' },
    });
  });
});

describe('registering at a relay of mcp-tunnel', () => {
  const withAllowed = (...allowed: string[]) => startRelay({ auth: async () => ({ allowed }) });

  it('asks for the name, and takes the one the token is for', async () => {
    const relay = await withAllowed('127');
    const link = await dial(relay, { name: 'figma' });
    expect(JSON.parse(relay.received[0] ?? '')).toEqual({ token: 'tok_abc', subdomain: 'figma' });
    expect(link.publicUrl.href).toBe(`http://127.0.0.1:${relay.port}/`);
  });

  it('counts as open only a moment after the acknowledgement, which comes before the routing', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ clock });
    let opened = false;
    const opening = dial(relay, { clock }).then(() => {
      opened = true;
    });
    await waitFor(() => relay.tunnels.size === 1);
    // The acknowledgement has set the timer that is due next.
    await waitFor(() => clock.nextIn === 100);
    await clock.advance(99);
    expect(opened).toBe(false);
    await clock.advance(1);
    await opening;
  });

  it('refuses an offer that does not hold the name, with the list and without asking anybody', async () => {
    const relay = await withAllowed('myapp', 'myapp-*');
    const refused = dial(relay, { name: 'figma' });
    await expect(refused).rejects.toMatchObject({
      code: 'RELAY_NAME_DENIED',
      message: expect.stringContaining('it offers: myapp, myapp-*'),
      retryable: false,
    });
    await waitFor(() => relay.sockets.size === 0);
    await expect(dial(await withAllowed(), { name: 'figma' })).rejects.toMatchObject({
      message: expect.stringContaining('it offers: none'),
    });
  });

  it('does not repeat the token when the relay does', async () => {
    const relay = await startRelay({ auth: async ({ token }) => ({ refused: `no such token: ${token}` }) });
    const refused = dial(relay, { token: 'tok_of_the_tests' });
    await expect(refused).rejects.toThrow('no such token: [redacted]');
  });

  it('picks from an offer what matches the name', async () => {
    // A relay that offers although it could have seen that the name matches.
    const asked: string[] = [];
    const relay = await startRelay({
      auth: async ({ subdomain }) => {
        asked.push(subdomain ?? '');
        return { allowed: ['a', '12*'] };
      },
    });
    const link = await dial(relay, { name: '127' });
    expect([asked, link.publicUrl.hostname]).toEqual([['127'], '127.0.0.1']);
  });

  it.each([
    ['invalid token', 'CREDENTIAL_REJECTED', false],
    ['token expired', 'CREDENTIAL_REJECTED', false],
    ['auth provider unavailable', 'RELAY_UNREACHABLE', true],
    ["subdomain 'figma' not authorized for this token", 'RELAY_NAME_DENIED', false],
    ['subdomain_not_allowed', 'RELAY_NAME_DENIED', false],
  ])('fails with a code of its own when the relay says %s', async (reason, code, retryable) => {
    const relay = await startRelay({ auth: async () => ({ refused: reason }) });
    const refused = dial(relay, { name: 'figma' });
    await expect(refused).rejects.toMatchObject({
      code,
      retryable,
      message: expect.stringContaining(reason),
    });
    await waitFor(() => relay.sockets.size === 0);
  });

  it('gives up after 10 s, since the relay would wait for ever', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ auth: () => new Promise(() => {}) });
    const opening = dial(relay, { clock });
    const failed = expect(opening).rejects.toMatchObject({ code: 'TUNNEL_OPEN_TIMEOUT', retryable: true });
    await waitFor(() => relay.received.length === 1);
    await clock.advance(10_000);
    await failed;
  });

  it('is over for good when somebody else takes the name', async () => {
    const relay = await startRelay({});
    const first = await dial(relay);
    const second = await dial(relay, { token: 'another' });
    expect(await first.closed).toMatchObject({
      reason: 'ended',
      error: { code: 'RELAY_SUPERSEDED', message: expect.stringContaining('evicted') },
    });
    await second.close();
    expect(await second.closed).toEqual({ reason: 'closed-by-us' });
  });
});

describe('a quiet link to a relay of mcp-tunnel', () => {
  it('is kept by pings of ours, since the relay sends none', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ clock });
    const link = await dialAt(clock, relay, say('x'));
    await pass(clock, relay, 60_000);
    let ended = false;
    void link.closed.then(() => {
      ended = true;
    });
    await clock.advance(0);
    expect(ended).toBe(false);
  });

  it('may take its time to read what was sent, which its pongs wait behind, but not for ever', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ clock });
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    onTestFinished(() => proxy.close());
    let exchange: Exchange | undefined;
    const accept: Accept = (accepted) => {
      exchange = accepted;
    };
    const opening = dial({ url: new URL(`http://127.0.0.1:${proxy.port}`) }, { clock, accept });
    await waitFor(() => relay.tunnels.size === 1);
    await clock.advance(100);
    const link = await opening;
    visit(relay);
    await waitFor(() => exchange !== undefined);
    proxy.faults.stalled = true;
    exchange?.respond(head(200));
    exchange?.write(Buffer.alloc(1_048_576));
    let ended = false;
    void link.closed.then(() => {
      ended = true;
    });
    for (let second = 0; second < 30; second++) await clock.advance(1_000);
    expect(ended).toBe(false);
    for (let second = 0; second < 35; second++) await clock.advance(1_000);
    expect(await link.closed).toMatchObject({ reason: 'ended', error: { code: 'SESSION_LOST' } });
  });

  it('is taken for lost within 20 s when the relay is gone without a word', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ clock });
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    onTestFinished(() => proxy.close());
    const opening = dial({ url: new URL(`http://127.0.0.1:${proxy.port}`) }, { clock });
    await waitFor(() => relay.tunnels.size === 1);
    await clock.advance(100);
    const link = await opening;
    proxy.faults.stalled = true;
    for (let second = 0; second < 20; second++) await clock.advance(1_000);
    expect(await link.closed).toMatchObject({
      reason: 'ended',
      error: { code: 'SESSION_LOST', message: expect.stringContaining('silent') },
    });
  });
});

function eventStream() {
  return responseHead(200, ['Content-Type', 'text/event-stream', 'X-Tunneld', 'me'], { kind: 'stream' });
}
