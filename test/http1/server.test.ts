import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { DescriptorBudget } from '../../src/core/descriptors.ts';
import { type BodySink, type Exchange, Flow } from '../../src/core/exchange.ts';
import { responseHead } from '../../src/http1/response-head.ts';
import { Http1Server } from '../../src/http1/server.ts';
import type { Http1ServerOptions, RefusedRequest } from '../../src/http1/server-options.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { quiet } from '../helpers/quiet.ts';
import { untilStill, waitFor } from '../helpers/wait-for.ts';
import { answers, RawClient } from './raw-client.ts';

const servers: Http1Server[] = [];
const clients: RawClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const server of servers.splice(0)) {
    await waitFor(() => server.connections === 0, { what: 'every connection to end' });
    await server.close();
  }
});

async function serve(handler: (exchange: Exchange) => void, options: Partial<Http1ServerOptions> = {}) {
  const server = new Http1Server({
    handler,
    peerOf: (socket, head) => ({
      address: socket.remoteAddress ?? '',
      scheme: 'http',
      host: head.get('host') ?? '',
      via: 'local',
    }),
    clock: systemClock,
    log: quiet,
    ...options,
  });
  servers.push(server);
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  return { server, port, connect: () => connect(port) };
}

function connect(port: number): RawClient {
  const client = new RawClient(port);
  clients.push(client);
  return client;
}

/** Answers with the request line and the body it read. */
function echo(exchange: Exchange): void {
  let body = '';
  exchange.readBody({
    data(chunk) {
      body += chunk.toString('latin1');
      return Flow.consumed;
    },
    end() {
      const { method, target } = exchange.request;
      answer(exchange, `${method} ${target} ${body}`);
    },
    abort() {},
  });
}

function answer(exchange: Exchange, text: string): void {
  exchange.respond(responseHead(200, [], { kind: 'length', length: text.length }), Buffer.from(text), true);
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

describe('the server', () => {
  it('answers pipelined requests in order, one at a time', async () => {
    const running: Exchange[] = [];
    const { connect } = await serve((exchange) => void running.push(exchange));
    const client = connect();
    client.send(`${GET}POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc${GET}`);

    for (const expected of ['GET /', 'POST /b', 'GET /']) {
      const exchange = await waitFor(() => running.shift());
      expect(running).toEqual([]);
      expect(`${exchange.request.method} ${exchange.request.target}`).toBe(expected);
      echo(exchange);
    }
    const text = await client.until('GET / ');

    await waitFor(() => answers(client.received) === 3);
    expect(text.indexOf('POST /b abc')).toBeGreaterThan(text.indexOf('GET / '));
  });

  it('handles two thousand pipelined requests in one packet', async () => {
    const { connect } = await serve(echo);
    const client = connect();

    client.send(GET.repeat(2_000));

    await waitFor(() => answers(client.received) === 2_000);
    expect(client.closed).toBe(false);
  });

  it('reads a chunked body that arrives byte by byte', async () => {
    const { connect } = await serve(echo);
    const client = connect();
    for (const byte of 'POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\n') {
      client.send(byte);
    }

    expect(await client.until('POST /c abc')).toContain('Content-Length: 11');
  });

  it.each([
    ['a bad header', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400, 'bad-header-line'],
    ['a bare LF in an unfinished head', 'GET / HTTP/1.1\nHost: a\n\n', 400, 'bare-line-feed'],
    ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00', 400, 'control-byte'],
    [
      'a head of 16 KiB',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(16_384)}\r\n\r\n`,
      431,
      'head-too-large',
    ],
    ['an endless head', `GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(3_000)}`, 431, 'head-too-large'],
    [
      'a broken body',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      400,
      'bad-chunk-size',
    ],
  ])('refuses %s and closes', async (_what, bytes, status, reason) => {
    const refused: RefusedRequest[] = [];
    const { connect } = await serve(echo, {
      answerRefused(info) {
        refused.push(info);
        return { head: responseHead(info.status, [], { kind: 'none' }), body: Buffer.from(info.reason) };
      },
    });
    const client = connect();
    client.send(bytes);

    const text = await client.untilEnd();

    expect(answers(text, status)).toBe(1);
    expect(text).toContain('Connection: close');
    expect(text.endsWith(reason)).toBe(true);
    expect(refused).toEqual([{ status, reason, address: '127.0.0.1' }]);
  });

  it('never takes a broken body for a complete one', async () => {
    const seen: string[] = [];
    const { connect } = await serve((exchange) => exchange.readBody(recorder(seen)));
    const client = connect();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxx\r\n');

    await client.untilEnd();

    expect(seen).toEqual(['abc', 'abort bad-chunk-size']);
  });

  it('tells the handler at once when the caller goes away in mid-body', async () => {
    const seen: string[] = [];
    const { connect } = await serve((exchange) => {
      exchange.onClose = (reason) => void seen.push(`close ${reason}`);
      exchange.readBody(recorder(seen));
    });
    const client = connect();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
    await waitFor(() => seen.length === 1);

    await client.close();

    await waitFor(() => seen.length === 3);
    expect(seen).toEqual(['abc', 'abort caller-gone', 'close caller-gone']);
  });

  it('tells the handler at once when the caller goes away while it waits', async () => {
    const seen: string[] = [];
    const { connect } = await serve((exchange) => {
      exchange.onClose = (reason) => void seen.push(reason);
      exchange.readBody(recorder(seen));
    });
    const client = connect();
    client.send(GET);
    await waitFor(() => seen.includes('end'));

    await client.close();

    await waitFor(() => seen.length === 2);
    expect(seen).toEqual(['end', 'caller-gone']);
  });

  it('grants 100 Continue once, when somebody wants the body', async () => {
    const exchanges: Exchange[] = [];
    const { connect } = await serve((exchange) => void exchanges.push(exchange));
    const client = connect();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n');
    const exchange = await waitFor(() => exchanges[0]);
    expect(client.received).toBe('');

    echo(exchange);
    await client.until('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('abc');

    expect(await client.until('abc')).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  });

  it('keeps the connection when a body that nobody reads is already here', async () => {
    const { connect } = await serve((exchange) => answer(exchange, 'no'));
    const client = connect();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc${GET}`);

    await waitFor(() => answers(client.received) === 2);

    expect(client.received).not.toContain('Connection: close');
  });

  it('answers early, says that it closes, and lets the caller read the answer', async () => {
    const { connect } = await serve((exchange) => answer(exchange, 'no need'));
    const client = connect();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n');
    const part = Buffer.alloc(65_536);
    const upload = setInterval(() => client.socket.write(part), 1);

    const text = await client.until('no need');
    clearInterval(upload);

    expect(text).toContain('Connection: close');
    expect(client.reset).toBe(false);
  });

  it('has no body in answers to HEAD and in 204 and 304', async () => {
    const statuses = [200, 204, 304];
    const { connect } = await serve((exchange) => {
      const head = responseHead(statuses.shift() ?? 200, [], { kind: 'length', length: 4 });
      exchange.respond(head, Buffer.from('body'), true);
    });
    const client = connect();

    client.send(`HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${GET}${GET}${GET}`);

    await client.until('body');
    expect(client.received.split('\r\n\r\n')).toEqual([
      'HTTP/1.1 200 OK\r\nContent-Length: 4',
      'HTTP/1.1 204 No Content',
      expect.stringMatching(/^HTTP\/1\.1 304 /),
      'HTTP/1.1 200 OK\r\nContent-Length: 4',
      'body',
    ]);
  });

  it('sends interim answers to HTTP/1.1 only', async () => {
    const { connect } = await serve((exchange) => {
      exchange.respond(responseHead(103, ['Link', '</a>'], { kind: 'none' }));
      answer(exchange, 'ok');
    });
    const one = connect();
    const zero = connect();
    one.send(GET);
    zero.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');

    expect(await one.until('ok')).toMatch(/^HTTP\/1\.1 103 Unknown\r\nLink: <\/a>\r\n\r\nHTTP\/1\.1 200/);
    expect(await zero.untilEnd()).toMatch(/^HTTP\/1\.1 200/);
  });

  it('keeps no interim answers for a caller that does not read', async () => {
    const long = responseHead(103, ['Link', 'a'.repeat(30_000)], { kind: 'none' });
    const { connect } = await serve((exchange) => {
      for (let count = 0; count < 2_000; count++) exchange.respond(long);
      answer(exchange, 'ok');
    });
    const client = connect();
    client.send(GET);
    expect((await client.until('\r\n\r\nok')).length).toBeLessThan(20_000_000);
  });

  it('streams in chunks, and to HTTP/1.0 until it closes', async () => {
    const { connect } = await serve((exchange) => {
      exchange.respond(responseHead(200, [], { kind: 'stream' }), Buffer.from('one'));
      exchange.write(Buffer.from('two'));
      exchange.end();
    });
    const one = connect();
    const zero = connect();
    one.send(GET);
    zero.send('GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n');

    expect(await one.until('0\r\n\r\n')).toMatch(/\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n$/);
    expect(await zero.untilEnd()).toMatch(/Connection: close\r\n\r\nonetwo$/);
  });

  it.each([
    ['ends too early', (exchange: Exchange) => exchange.end()],
    ['is aborted', (exchange: Exchange) => exchange.abort('test')],
    ['is too long', (exchange: Exchange) => void exchange.write(Buffer.from('too long'))],
  ])('never lets an answer look complete that %s', async (_what, finish) => {
    const { connect } = await serve((exchange) => {
      exchange.respond(responseHead(200, [], { kind: 'length', length: 6 }), Buffer.from('abc'));
      finish(exchange);
    });
    const client = connect();
    client.send(GET);

    const text = await client.untilEnd();

    expect(text.slice(text.indexOf('\r\n\r\n') + 4).length).toBeLessThan(6);
  });

  it('resets an aborted answer that only the end of the connection would delimit', async () => {
    const { connect } = await serve((exchange) => {
      exchange.respond(responseHead(200, [], { kind: 'stream' }), Buffer.from('abc'));
      setTimeout(() => exchange.abort('test'), 20);
    });
    const client = connect();
    client.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');

    await waitFor(() => client.closed);

    expect(client.reset).toBe(true);
  });

  it('holds the writer back when the caller does not read, and goes on when it does', async () => {
    let written = 0;
    const total = 20_000_000;
    const part = Buffer.alloc(65_536, 'x');
    const { connect } = await serve((exchange) => {
      exchange.respond(responseHead(200, [], { kind: 'length', length: total }));
      const pump = () => {
        while (written < total) {
          const chunk = part.subarray(0, Math.min(part.length, total - written));
          written += chunk.length;
          if (exchange.write(chunk) === Flow.paused) return;
        }
        exchange.end();
      };
      exchange.onDrain = pump;
      pump();
    });
    const client = connect();
    client.socket.pause();
    client.send(GET);
    await waitFor(() => written > 0);
    await new Promise((resolve) => setTimeout(resolve, 50));

    expect(written).toBeLessThan(12_000_000);
    client.socket.resume();
    await waitFor(() => client.received.length > total);
  });

  it('stops reading when the sink is full, and resumes', async () => {
    let received = 0;
    let exchange: Exchange | undefined;
    const { connect } = await serve((opened) => {
      exchange = opened;
      opened.readBody({
        data(chunk) {
          received += chunk.length;
          return Flow.paused;
        },
        end: () => answer(opened, 'done'),
        abort() {},
      });
    });
    const client = connect();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n${'x'.repeat(5_000_000)}`);
    await waitFor(() => received > 0);
    const first = received;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(received).toBe(first);

    const timer = setInterval(() => exchange?.resumeBody(), 0);
    await client.until('done');
    clearInterval(timer);

    expect(received).toBe(5_000_000);
  });

  it('switches protocols and passes raw bytes both ways, half-closed too', async () => {
    const seen: string[] = [];
    const { connect } = await serve((exchange) => {
      const head = responseHead(101, ['Upgrade', 'echo', 'Connection', 'Upgrade'], { kind: 'stream' });
      exchange.respond(head, Buffer.from('hello '));
      exchange.readBody({
        data(chunk) {
          seen.push(chunk.toString());
          return exchange.write(Buffer.from(chunk));
        },
        end() {
          exchange.write(Buffer.from(' bye'));
          exchange.end();
        },
        abort() {},
      });
    });
    const client = connect();
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly');
    await client.until('early');
    client.send(' late');
    await client.until('late');
    client.socket.end();

    expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\nhello early late bye$/);
    expect(seen.join('')).toBe('early late');
  });

  it('hands a socket over to whoever claims its upgrade', async () => {
    const { connect, server } = await serve((exchange) => answer(exchange, 'declined'), {
      onUpgrade(request, socket, buffered) {
        if (request.target !== '/link') return false;
        socket.end(`mine ${buffered.toString()}`);
        return true;
      },
    });
    const client = connect();
    client.send('GET /link HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nfirst');
    const other = connect();
    other.send('GET /other HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');

    expect(await client.untilEnd()).toBe('mine first');
    await other.until('declined');
    expect(server.connections).toBe(1);
  });

  it('aborts an exchange whose handler throws', async () => {
    const { connect } = await serve(() => {
      throw new Error('bug');
    });
    const client = connect();
    client.send(GET);

    expect(await client.untilEnd()).toBe('');
  });

  it.each([{ connections: 1 }, { connectionsPerAddress: 1 }])(
    'tells whoever comes next to wait, and has no answer for a flood: %j',
    async (limits) => {
      const { connect, server } = await serve(echo, { limits, limitedAddressOf: () => 'everybody' });
      const first = connect();
      first.send(GET);
      await first.until('200');
      const next = connect();
      await next.until('too-many-connections');
      const flood = connect();
      await waitFor(() => flood.ended || flood.closed);
      expect(flood.received).toBe('');
      expect(server.connections).toBe(2);
    },
  );

  it('refuses connections beyond its limit', async () => {
    const { connect } = await serve(echo, { limits: { connections: 1 } });
    const first = connect();
    first.send(GET);
    await first.until('200 OK');

    expect(await connect().untilEnd()).toContain('HTTP/1.1 503 ');
  });

  it('says which port is taken', async () => {
    const { port } = await serve(echo);
    const second = new Http1Server({
      handler: echo,
      peerOf: () => ({ address: '', scheme: 'http', host: '', via: 'local' }),
      clock: systemClock,
      log: quiet,
    });

    await expect(second.listen({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  });
});

describe("the server's deadlines", () => {
  async function withFakeClock(handler: (exchange: Exchange) => void) {
    const clock = new FakeClock();
    const served = await serve(handler, { clock });
    return { ...served, clock };
  }

  it('end a head that comes too slowly, however steadily it drips', async () => {
    const { connect, clock, server } = await withFakeClock(echo);
    const client = connect();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n');
    await waitFor(() => server.connections === 1, { what: 'the connection' });
    for (let second = 0; second < 12 && !client.ended; second++) {
      client.send('X: y\r\n');
      await clock.advance(1_000);
    }

    expect(await client.untilEnd()).toContain('HTTP/1.1 408 ');
  });

  it('end an idle connection silently, and not before its time', async () => {
    const { connect, clock, server } = await withFakeClock(echo);
    const client = connect();
    client.send(GET);
    await client.until('GET / ');
    await clock.advance(70_000);
    expect(server.connections).toBe(1);

    await clock.advance(8_000);

    expect(answers(await client.untilEnd(), 408)).toBe(0);
  });

  it('end a body that stalls, never one that goes on for long', async () => {
    let received = 0;
    const { connect, clock } = await withFakeClock((exchange) =>
      exchange.readBody({
        data(chunk) {
          received += chunk.length;
          return Flow.consumed;
        },
        end() {},
        abort() {},
      }),
    );
    const client = connect();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n');
    for (let sent = 1; sent <= 5; sent++) {
      client.send('x');
      await waitFor(() => received === sent, { what: 'the piece of the body' });
      await clock.advance(250_000);
    }
    expect(client.ended).toBe(false);

    await clock.advance(302_000);

    expect(await client.untilEnd()).toContain('HTTP/1.1 408 ');
  });

  it('never end an answer that takes long to begin', async () => {
    const exchanges: Exchange[] = [];
    const { connect, clock } = await withFakeClock((exchange) => void exchanges.push(exchange));
    const client = connect();
    client.send(GET);
    const exchange = await waitFor(() => exchanges[0]);
    await clock.advance(86_400_000);

    answer(exchange, 'at last');

    expect(await client.until('at last')).toContain('200 OK');
  });

  it('end a caller that takes nothing of what waits for it', async () => {
    const reasons: string[] = [];
    let writes = 0;
    const { connect, clock } = await withFakeClock((exchange) => {
      exchange.onClose = (reason) => void reasons.push(reason);
      exchange.respond(responseHead(200, [], { kind: 'stream' }));
      do writes++;
      while (exchange.write(Buffer.alloc(1_000_000)) !== Flow.paused);
    });
    const client = connect();
    client.socket.pause();
    client.send(GET);
    await untilStill(() => writes, { what: 'the writes to be held back' });

    await clock.advance(125_000);

    await waitFor(() => reasons.length === 1);
    expect(reasons).toEqual(['caller-stalled']);
  });

  it('end such a caller although more and more waits for it', async () => {
    const reasons: string[] = [];
    let exchange: Exchange | undefined;
    const { connect, clock } = await withFakeClock((incoming) => {
      exchange = incoming;
      incoming.onClose = (reason) => void reasons.push(reason);
      incoming.respond(responseHead(200, [], { kind: 'stream' }));
      while (incoming.write(Buffer.alloc(1_000_000)) !== Flow.paused);
    });
    const client = connect();
    client.socket.pause();
    client.send(GET);
    await waitFor(() => exchange);
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (let minute = 0; minute < 3; minute++) {
      exchange?.write(Buffer.from(': still there\n\n'));
      await clock.advance(60_000);
    }
    expect(reasons).toEqual(['caller-stalled']);
  });

  it('end it over TLS as well, where what waits is counted in plain text', async () => {
    const reasons: string[] = [];
    const clock = new FakeClock();
    let written = 0;
    const { port } = await serve(
      (exchange) => {
        exchange.onClose = (reason) => void reasons.push(reason);
        exchange.respond(responseHead(200, [], { kind: 'stream' }));
        exchange.onDrain = () => {
          do written++;
          while (exchange.write(Buffer.alloc(1_000_000)) !== Flow.paused);
        };
        exchange.onDrain();
      },
      { clock, tls: makeCertificate() },
    );
    const client = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    onTestFinished(() => void client.destroy());
    client.on('error', () => {});
    await once(client, 'secureConnect');
    client.pause();
    client.write(GET);
    await untilStill(() => written, { what: 'the buffers between the two to be full' });
    await clock.advance(110_000);
    expect(reasons).toEqual([]);
    await clock.advance(15_000);
    await waitFor(() => reasons.length === 1);
    expect(reasons).toEqual(['caller-stalled']);
  });

  it('never end a caller that takes little at a time', async () => {
    const reasons: string[] = [];
    const { connect, clock } = await withFakeClock((exchange) => {
      exchange.onClose = (reason) => void reasons.push(reason);
      // Always the same amount waits.
      const go = () => {
        while (exchange.write(Buffer.alloc(100_000)) !== Flow.paused);
      };
      exchange.onDrain = go;
      exchange.respond(responseHead(200, [], { kind: 'stream' }));
      go();
    });
    const client = connect();
    let taken = 0;
    client.socket.removeAllListeners('data').on('data', (bytes: Buffer) => {
      taken += bytes.length;
    });
    client.send(GET);
    for (let minute = 0; minute < 5; minute++) {
      const before = taken;
      client.socket.resume();
      await waitFor(() => taken - before > 5_000_000);
      client.socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 50));
      await clock.advance(100_000);
    }
    expect(reasons).toEqual([]);
  });
});

describe('draining the server', () => {
  it('lets what is in flight finish, refuses the rest and leaves nothing open', async () => {
    const exchanges: Exchange[] = [];
    const { connect, server, port } = await serve((exchange) => void exchanges.push(exchange));
    const idle = connect();
    const busy = connect();
    busy.send(GET);
    const exchange = await waitFor(() => exchanges[0]);
    await waitFor(() => server.connections === 2);

    const drained = server.drain(5_000);
    await idle.untilEnd();
    answer(exchange, 'last');
    await busy.until('last');
    for (const client of clients) client.socket.end();
    await drained;

    expect(busy.received).toContain('Connection: close');
    expect(server.connections).toBe(0);
    await expect(
      new Promise((resolve, reject) =>
        net.connect(port, '127.0.0.1').on('connect', resolve).on('error', reject),
      ),
    ).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('ends at its deadline what does not finish', async () => {
    const { connect, server } = await serve((exchange) => {
      exchange.respond(responseHead(200, [], { kind: 'stream' }), Buffer.from('x'));
    });
    const client = connect();
    client.send(GET);
    await client.until('x\r\n');

    await server.drain(20);

    expect(await client.untilEnd()).not.toContain('0\r\n\r\n');
    await waitFor(() => server.connections === 0);
  });
});

function recorder(seen: string[]): BodySink {
  return {
    data(chunk) {
      seen.push(chunk.toString());
      return Flow.consumed;
    },
    end: () => void seen.push('end'),
    abort: (reason) => void seen.push(`abort ${reason}`),
  };
}

describe('file descriptors', () => {
  it('that are short at one listener are short at all: callers are told, and let in when some are free', async () => {
    const descriptors = new DescriptorBudget(5);
    const first = await serve(echo, { descriptors, descriptorsEach: 2 });
    const second = await serve(echo, { descriptors });
    const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
    const served = [first.connect(), first.connect()];
    for (const client of served) {
      client.send(GET);
      expect(await client.until('GET /')).toMatch(/^HTTP\/1\.1 200 /);
    }
    const last = second.connect();
    last.send(GET);
    expect(await last.until('GET /')).toMatch(/^HTTP\/1\.1 200 /);
    expect(await second.connect().until('too-many-connections')).toMatch(/^HTTP\/1\.1 503 /);
    await served[0]?.close();
    await waitFor(() => !descriptors.scarce);
    await waitFor(() => first.server.connections === 1 && second.server.connections === 1);
    const next = first.connect();
    next.send(GET);
    expect(await next.until('GET /')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('are spent on no word when far too many call', async () => {
    const descriptors = new DescriptorBudget(0);
    const { server, connect: call } = await serve(echo, { descriptors, descriptorsEach: 100 });
    expect(await call().untilEnd()).toBe('');
    expect(server.connections).toBe(0);
  });
});
