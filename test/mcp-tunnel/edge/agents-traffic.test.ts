import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { type OldClient, registerOldClient } from '../../helpers/mcp-tunnel/old-client.ts';
import { startClientP1 } from '../../helpers/mcp-tunnel/old-client-p1.ts';
import { startClientP2 } from '../../helpers/mcp-tunnel/old-client-p2.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { type OldRelay, startLocal, startOldRelay, visit } from './agents-harness.ts';

const MIB = 1_048_576;
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** A client that answers what the test says, message by message. */
function puppet(relay: OldRelay, onRequest: (id: string, client: OldClient) => void = () => {}) {
  return registerOldClient(relay.as('myapp'), (message, client) => {
    if (message['kind'] === 'request') onRequest(String(message['id']), client);
  });
}

const RPC = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' } as const;

describe('a request to a client of mcp-tunnel', () => {
  it('is one message that both generations understand', async () => {
    const relay = await startOldRelay();
    const client = await puppet(relay);
    relay.visit('myapp', '/mcp?a=1', {
      method: 'POST',
      headers: {
        Accept: ['text/event-stream', 'application/json'],
        Cookie: ['a=1', 'b=2'],
        'Mcp-Session-Id': 's',
        Authorization: 'Bearer mine',
        Connection: 'close, X-Hop',
        'X-Hop': '1',
        TE: 'trailers',
        'Proxy-Connection': 'close',
        'X-Forwarded-For': '6.6.6.6',
        Forwarded: 'for=6.6.6.6',
        X_Forwarded_Host: 'evil.test',
        Expect: '100-continue',
      },
      body: 'été',
    });
    const message = await waitFor(() => client.received[0]);
    expect(message).toEqual({
      kind: 'request',
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      method: 'POST',
      path: '/mcp?a=1',
      headers: {
        host: 'myapp.tunnel.test',
        accept: 'text/event-stream, application/json',
        cookie: 'a=1; b=2',
        'mcp-session-id': 's',
        authorization: 'Bearer mine',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'myapp.tunnel.test',
      },
      body: base64('été'),
    });
  });

  it('cannot name what the relay says of its visitor as of one hop only', async () => {
    const relay = await startOldRelay();
    const client = await puppet(relay);
    relay.visit('myapp', '/', {
      headers: { connection: 'close, x-forwarded-for, X-Forwarded-Proto, x-own', 'x-own': 'of this hop' },
    });
    const { headers } = await waitFor(() => client.received[0]);
    expect(headers).toEqual({
      host: 'myapp.tunnel.test',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'myapp.tunnel.test',
    });
  });

  it('without a body has null for it', async () => {
    const relay = await startOldRelay();
    const client = await puppet(relay);
    relay.visit('myapp', '/');
    expect((await waitFor(() => client.received[0]))['body']).toBeNull();
  });

  it.each([
    ['known', { 'content-length': String(5 * MIB + 1) }],
    ['told by counting', { 'transfer-encoding': 'chunked' }],
  ])('is refused with 413 when its body is too long (length %s)', async (_how, headers) => {
    const relay = await startOldRelay();
    const client = await puppet(relay);
    const body = Buffer.alloc(5 * MIB + 1);
    const { status, text } = await relay.visit('myapp', '/', { ...RPC, headers, body }).answer;
    expect(status).toBe(413);
    expect(text).toContain('length limit exceeded');
    expect(client.received).toEqual([]);
  });

  it('is refused before its body is sent when that says how long it is', async () => {
    const relay = await startOldRelay();
    await puppet(relay);
    const socket = connect(relay.port, '127.0.0.1').setEncoding('latin1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    const head = `Content-Length: ${5 * MIB + 1}\r\nExpect: 100-continue`;
    socket.write(`POST / HTTP/1.1\r\nHost: myapp.tunnel.test\r\n${head}\r\n\r\n`);
    await waitFor(() => text);
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
    socket.destroy();
  });

  it('may have a body of the whole limit', async () => {
    const relay = await startOldRelay();
    const local = await startLocal((request, response) => {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      request.on('end', () => response.end(String(bytes)));
    });
    await startClientP1({ ...relay.as('myapp'), localPort: local.port });
    const body = Buffer.alloc(5 * MIB, 'x');
    expect((await relay.visit('myapp', '/', { method: 'POST', body }).answer).text).toBe(String(5 * MIB));
  });

  it('for a WebSocket is refused, since nothing could carry it', async () => {
    const relay = await startOldRelay();
    const client = await puppet(relay);
    const headers = { connection: 'Upgrade', upgrade: 'websocket' };
    expect((await relay.visit('myapp', '/', { headers }).answer).status).toBe(501);
    expect(client.received).toEqual([]);
  });

  it('that wants to upgrade to something else is carried without that', async () => {
    const relay = await startOldRelay();
    const local = await startLocal((request, response) => response.end(request.headers.upgrade ?? 'plain'));
    await startClientP2({ ...relay.as('myapp'), localPort: local.port });
    const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AA' };
    expect((await relay.visit('myapp', '/', { headers }).answer).text).toBe('plain');
  });

  it('beyond those the tunnel takes at once is refused with 503', async () => {
    const relay = await startOldRelay({ limits: { streamsPerLink: 1 } });
    const client = await puppet(relay);
    relay.visit('myapp', '/');
    await waitFor(() => client.received[0]);
    const { status, text, headers } = await relay.visit('myapp', '/', RPC).answer;
    expect([status, headers['retry-after']]).toEqual([503, '1']);
    expect(text).toContain('tunnel overloaded');
  });
});

describe('an answer of mcp-tunnel 0.2', () => {
  it('streams events as they come', async () => {
    const relay = await startOldRelay();
    let send: ((text: string) => void) | undefined;
    const local = await startLocal((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      send = (text) => response.write(text);
    });
    await startClientP2({ ...relay.as('myapp'), localPort: local.port });
    const stream = await relay.visit('myapp', '/sse').response;
    expect(stream.headers['content-type']).toBe('text/event-stream');
    const seen: string[] = [];
    stream.on('data', (chunk) => seen.push(String(chunk)));
    for (const event of ['one', 'two', 'three']) {
      send?.(`data: ${event}\n\n`);
      await waitFor(() => seen.join('').endsWith(`data: ${event}\n\n`));
    }
  });

  it('carries a large body whole', async () => {
    const relay = await startOldRelay();
    const body = Buffer.alloc(6 * MIB, 'abcdefg');
    const local = await startLocal((_request, response) => response.end(body));
    await startClientP2({ ...relay.as('myapp'), localPort: local.port });
    expect((await relay.visit('myapp', '/').answer).body.equals(body)).toBe(true);
  });

  it('ends with the bytes of its last chunk', async () => {
    const relay = await startOldRelay();
    await puppet(relay, (id, client) => {
      client.send({ kind: 'response_head', id, status: 201, headers: {} });
      client.send({ kind: 'response_chunk', id, data: base64('a'), last: false });
      client.send({ kind: 'response_chunk', id, data: base64('b'), last: true });
      client.send({ kind: 'response_chunk', id, data: base64('late'), last: true });
    });
    expect(await relay.visit('myapp', '/').answer).toMatchObject({ status: 201, text: 'ab' });
    expect((await relay.visit('myapp', '/').answer).text).toBe('ab');
  });

  it.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('to %s with %i has no body', async (method, status) => {
    const relay = await startOldRelay();
    await puppet(relay, (id, client) => {
      client.send({ kind: 'response_head', id, status, headers: { etag: '"1"' } });
      client.send({ kind: 'response_chunk', id, data: base64('never'), last: false });
      client.send({ kind: 'response_chunk', id, data: '', last: true });
    });
    expect(await relay.visit('myapp', '/', { method }).answer).toMatchObject({ status, text: '' });
  });

  it.each([['upstream error: connection refused'], ['connection refused']])(
    'that is the error %j is a 502 that says so once',
    async (message) => {
      const relay = await startOldRelay();
      await puppet(relay, (id, client) => client.send({ kind: 'response_error', id, message }));
      const { status, headers, text } = await relay.visit('myapp', '/', RPC).answer;
      expect([status, headers['x-tunneld-relay']]).toEqual([502, 'upstream-error']);
      expect(JSON.parse(text)).toMatchObject({
        error: { message: 'tunneld: upstream error: connection refused' },
      });
    },
  );

  it('of a server that is not there is that error', async () => {
    const relay = await startOldRelay();
    const local = await startLocal(() => {});
    local.server.close();
    await startClientP2({ ...relay.as('myapp'), localPort: local.port });
    expect(await relay.visit('myapp', '/').answer).toMatchObject({ status: 502 });
  });

  it('that breaks off in the middle is cut, and never looks whole', async () => {
    const relay = await startOldRelay();
    await puppet(relay, (id, client) => {
      client.send({ kind: 'response_head', id, status: 200, headers: {} });
      client.send({ kind: 'response_chunk', id, data: base64('half'), last: false });
      client.send({ kind: 'response_error', id, message: 'broken' });
    });
    await expect(relay.visit('myapp', '/').answer).rejects.toThrow('aborted');
    await waitFor(() => relay.visits[0]);
    expect(relay.visits[0]).toMatchObject({ outcome: 'broken', reason: 'upstream-error' });
  });

  it('of an agent whose connection breaks is cut at once', async () => {
    const relay = await startOldRelay();
    await puppet(relay, (id, client) => {
      client.send({ kind: 'response_head', id, status: 200, headers: {} });
      client.send({ kind: 'response_chunk', id, data: base64('half'), last: false });
      setImmediate(() => client.ws.terminate());
    });
    await expect(relay.visit('myapp', '/').answer).rejects.toThrow('aborted');
  });

  it('that has not begun is a 502 at once when the connection breaks', async () => {
    const clock = new FakeClock();
    const relay = await startOldRelay({ clock });
    await puppet(relay, (_id, client) => client.ws.terminate());
    const { status, text } = await relay.visit('myapp', '/', RPC).answer;
    expect(status).toBe(502);
    expect(JSON.parse(text)).toMatchObject({
      jsonrpc: '2.0',
      error: {
        message: expect.stringContaining('tunnel disconnected'),
        data: { tunneld: { reason: 'link-lost' } },
      },
    });
  });

  it('that does not begin within 30 s is a 504, and the agent hears of it', async () => {
    const clock = new FakeClock();
    const relay = await startOldRelay({ clock });
    const client = await puppet(relay);
    const visitor = relay.visit('myapp', '/');
    await waitFor(() => client.received[0]);
    // In steps, so that the agent's pongs arrive in between.
    for (let second = 0; second < 30; second++) {
      await clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const { status, text } = await visitor.answer;
    expect(status).toBe(504);
    expect(text).toContain('tunnel headers timeout');
    await waitFor(() => client.received[1]);
    expect(client.received[1]).toEqual({ kind: 'cancel', id: client.received[0]?.['id'] });
  });

  it('that began may take as long as it likes', async () => {
    const clock = new FakeClock();
    const relay = await startOldRelay({ clock });
    const client = await puppet(relay, (id) => {
      client.send({ kind: 'response_head', id, status: 200, headers: {} });
    });
    const visitor = relay.visit('myapp', '/');
    await visitor.response;
    for (let second = 0; second < 60; second++) {
      await clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    client.send({ kind: 'response_chunk', id: client.received[0]?.['id'], data: base64('late'), last: true });
    expect((await visitor.answer).text).toBe('late');
  });

  it('of events gets a comment after 15 s of silence, but not inside an event', async () => {
    const clock = new FakeClock();
    const relay = await startOldRelay({ clock });
    const client = await puppet(relay, (id) => {
      client.send({
        kind: 'response_head',
        id,
        status: 200,
        headers: { 'content-type': 'text/event-stream' },
      });
    });
    const stream = await relay.visit('myapp', '/sse').response;
    let got = '';
    stream.on('data', (bytes: Buffer) => {
      got += bytes.toString();
    });
    const say = (text: string, last = false) =>
      client.send({ kind: 'response_chunk', id: client.received[0]?.['id'], data: base64(text), last });
    const pass = async (seconds: number) => {
      for (let second = 0; second < seconds; second++) {
        await clock.advance(1_000);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    };
    await pass(16);
    await waitFor(() => got === ':\n\n');
    say('data: half of ');
    await waitFor(() => got.endsWith('half of '));
    await pass(32);
    say('an event\n\n');
    await waitFor(() => got.endsWith('event\n\n'));
    await pass(32);
    await waitFor(() => got.endsWith('event\n\n:\n\n:\n\n'));
    say('data: 2\n\n', true);
    await waitFor(() => stream.readableEnded);
    expect(got).toBe(':\n\ndata: half of an event\n\n:\n\n:\n\ndata: 2\n\n');
  });

  it.each([
    ['another type', { 'content-type': 'application/json' }],
    ['a coding', { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' }],
  ])('of %s gets no comment', async (_what, headers) => {
    const clock = new FakeClock();
    const relay = await startOldRelay({ clock });
    const client = await puppet(relay, (id) => {
      client.send({ kind: 'response_head', id, status: 200, headers });
    });
    const visitor = relay.visit('myapp', '/sse');
    await visitor.response;
    for (let second = 0; second < 40; second++) {
      await clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    client.send({ kind: 'response_chunk', id: client.received[0]?.['id'], data: base64('abcd'), last: true });
    expect((await visitor.answer).text).toBe('abcd');
  });

  it('is cancelled as soon as its visitor is gone, also while it is silent', async () => {
    const relay = await startOldRelay();
    let ended = false;
    const local = await startLocal((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      response.on('close', () => {
        ended = true;
      });
    });
    const client = await startClientP2({ ...relay.as('myapp'), localPort: local.port });
    const visitor = relay.visit('myapp', '/sse');
    await visitor.response;
    visitor.request.destroy();
    await waitFor(() => ended, { timeoutMs: 2_000 });
    expect(client.received[1]).toEqual({ kind: 'cancel', id: client.received[0]?.['id'] });
    expect(relay.server.stats.streams).toBe(0);
  });

  it.each([
    ['a line break in a value', { status: 200, headers: { 'x-a': 'b\r\nset-cookie: evil=1' } }],
    ['a line break in a name', { status: 200, headers: { 'x-a: b\r\nset-cookie': 'evil=1' } }],
    ['more headers than any visitor takes', { status: 200, headers: { 'x-a': 'a'.repeat(32_768) } }],
    ['a status that ends nothing', { status: 101, headers: {} }],
    ['a status that is none', { status: 999, headers: {} }],
  ])('with %s is refused as a whole', async (_what, head) => {
    const relay = await startOldRelay();
    await puppet(relay, (id, client) => {
      client.send({ kind: 'response_head', id, ...head });
      client.send({ kind: 'response_chunk', id, data: '', last: true });
    });
    const { status, headers } = await relay.visit('myapp', '/').answer;
    expect([status, headers['x-tunneld-relay'], headers['set-cookie']]).toEqual([
      502,
      'bad-answer',
      undefined,
    ]);
  });

  it('keeps the headers of one hop to itself, and its framing', async () => {
    const relay = await startOldRelay();
    const hop = { connection: 'x-hop', 'x-hop': '1', 'keep-alive': 'timeout=5', 'transfer-encoding': 'gzip' };
    await puppet(relay, (id, client) => {
      const headers = { ...hop, 'content-length': '3', 'x-kept': '1' };
      client.send({ kind: 'response_head', id, status: 200, headers });
      client.send({ kind: 'response_chunk', id, data: base64('whole'), last: true });
    });
    const { headers, text } = await relay.visit('myapp', '/').answer;
    expect(text).toBe('whole');
    expect(headers).toMatchObject({ 'transfer-encoding': 'chunked', 'x-kept': '1' });
    expect(headers).not.toHaveProperty('x-hop');
    expect(headers).not.toHaveProperty('keep-alive');
    expect(headers).not.toHaveProperty('content-length');
  });

  it.each([
    ['is not base64', [{ kind: 'response_chunk', data: '%%%%', last: false }]],
    ['has a second head', [{ kind: 'response_head', status: 200, headers: {} }]],
  ])('whose body %s is cut', async (_what, messages) => {
    const relay = await startOldRelay();
    await puppet(relay, (id, client) => {
      client.send({ kind: 'response_head', id, status: 200, headers: {} });
      for (const message of messages) client.send({ ...message, id });
    });
    await expect(relay.visit('myapp', '/').answer).rejects.toThrow('aborted');
  });

  it('whose body comes before its head is a 502', async () => {
    const relay = await startOldRelay();
    await puppet(relay, (id, client) =>
      client.send({ kind: 'response_chunk', id, data: base64('body'), last: true }),
    );
    expect((await relay.visit('myapp', '/').answer).status).toBe(502);
  });
});

describe('an answer of mcp-tunnel 0.1 or mcpr', () => {
  it('comes whole, with its length', async () => {
    const relay = await startOldRelay();
    const local = await startLocal((_request, response) => {
      response.setHeader('mcp-session-id', 's');
      response.writeHead(202).write('in ');
      response.end('pieces');
    });
    await startClientP1({ ...relay.as('myapp'), localPort: local.port });
    expect(await relay.visit('myapp', '/', RPC).answer).toMatchObject({
      status: 202,
      text: 'in pieces',
      headers: { 'content-length': '9', 'mcp-session-id': 's' },
    });
  });

  it('carries a large body whole', async () => {
    const relay = await startOldRelay();
    const body = Buffer.alloc(9 * MIB, 'abcdefg');
    const local = await startLocal((_request, response) => response.end(body));
    await startClientP1({ ...relay.as('myapp'), localPort: local.port });
    expect((await relay.visit('myapp', '/').answer).body.equals(body)).toBe(true);
  });

  it.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('to %s with %i has neither body nor length', async (method, status) => {
    const relay = await startOldRelay();
    await puppet(relay, (id, client) => client.send({ id, status, headers: {}, body: base64('x') }));
    const { headers, ...answer } = await relay.visit('myapp', '/', { method }).answer;
    expect(answer).toMatchObject({ status, text: '' });
    expect(headers).not.toHaveProperty('content-length');
  });

  it('of a server that is not there is that of the client', async () => {
    const relay = await startOldRelay();
    const local = await startLocal(() => {});
    local.server.close();
    await startClientP1({ ...relay.as('myapp'), localPort: local.port });
    expect(await relay.visit('myapp', '/').answer).toMatchObject({ status: 502, text: 'upstream error' });
  });

  it.each([
    ['a status that is none', { status: 42, body: null }, 'bad-answer'],
    ['a body that is not base64', { status: 200, body: 'a$b=' }, 'bad-answer'],
    ['a body that is too long', { status: 200, body: 'AAAA'.repeat(300) }, 'answer-too-large'],
  ])('with %s is a 502', async (_what, fields, reason) => {
    const relay = await startOldRelay({ limits: { maxResponseBodyBytes: 500 } });
    await puppet(relay, (id, client) => client.send({ id, headers: {}, ...fields }));
    const { status, headers } = await relay.visit('myapp', '/').answer;
    expect([status, headers['x-tunneld-relay']]).toEqual([502, reason]);
  });

  it('that is a little too long is a 502', async () => {
    const relay = await startOldRelay();
    const local = await startLocal((request, response) =>
      response.end(Buffer.alloc(10 * MIB + (request.url === '/more' ? 1 : 0))),
    );
    await startClientP1({ ...relay.as('myapp'), localPort: local.port });
    expect((await relay.visit('myapp', '/').answer).body).toHaveLength(10 * MIB);
    const { status, headers } = await relay.visit('myapp', '/more').answer;
    expect([status, headers['x-tunneld-relay']]).toEqual([502, 'answer-too-large']);
  });

  it('that is far too long costs nobody else the tunnel', async () => {
    const relay = await startOldRelay();
    const local = await startLocal((request, response) =>
      response.end(request.url === '/big' ? Buffer.alloc(20 * MIB) : 'small'),
    );
    const client = await startClientP1({ ...relay.as('myapp'), localPort: local.port });
    const { status, text } = await relay.visit('myapp', '/big').answer;
    expect(status).toBe(502);
    expect(text).toContain('tunnel response body too large');
    expect((await relay.visit('myapp', '/').answer).text).toBe('small');
    expect(client.ws.readyState).toBe(client.ws.OPEN);
  });

  it('may come in fragments, also when it is too long', async () => {
    const relay = await startOldRelay({ limits: { maxResponseBodyBytes: 1_000 } });
    let body = base64('x'.repeat(900));
    const client = await puppet(relay, (id) => {
      const text = JSON.stringify({ id, status: 200, headers: {}, body });
      const cut = Math.floor(text.length / 3);
      client.ws.send(text.slice(0, cut), { fin: false });
      client.ws.send(text.slice(cut, 2 * cut), { fin: false });
      client.ws.send(text.slice(2 * cut));
    });
    expect((await relay.visit('myapp', '/').answer).text).toBe('x'.repeat(900));
    body = base64('x'.repeat(MIB));
    const { status, headers } = await relay.visit('myapp', '/').answer;
    expect([status, headers['x-tunneld-relay']]).toEqual([502, 'answer-too-large']);
    body = base64('after');
    expect((await relay.visit('myapp', '/').answer).text).toBe('after');
  });

  it('is not asked to cancel, which it would not understand', async () => {
    const relay = await startOldRelay();
    const local = await startLocal((request, response) => {
      if (request.url === '/') response.end();
    });
    const client = await startClientP1({ ...relay.as('myapp'), localPort: local.port });
    await relay.visit('myapp', '/').answer;
    const visitor = relay.visit('myapp', '/slow');
    await waitFor(() => client.received.length === 2);
    visitor.request.on('error', () => {}).destroy();
    await waitFor(() => relay.server.stats.streams === 0);
    await relay.visit('myapp', '/').answer;
    expect(client.received.map((message) => message['kind'])).toEqual(['request', 'request', 'request']);
  });
});

describe('a visitor who reads slowly', () => {
  /** Sends a request and reads nothing of the answer. */
  function readNothing(relay: OldRelay) {
    const socket = connect(relay.port, '127.0.0.1').pause();
    socket.on('error', () => {});
    socket.write('GET /big HTTP/1.1\r\nHost: myapp.tunnel.test\r\n\r\n');
    return socket;
  }

  it('does not hold up the other answers of the tunnel, and loses its own where it is too long', async () => {
    const relay = await startOldRelay();
    const local = await startLocal((request, response) => {
      if (request.url !== '/big') response.end('small');
      else response.end(Buffer.alloc(40 * MIB));
    });
    const client = await startClientP2({ ...relay.as('myapp'), localPort: local.port });
    const slow = readNothing(relay);
    for (let call = 0; call < 20; call++) {
      expect((await relay.visit('myapp', '/').answer).text).toBe('small');
    }
    await waitFor(() => relay.visits.find(({ reason }) => reason === 'slow-reader'));
    expect(client.received.some(({ kind }) => kind === 'cancel')).toBe(true);
    expect(client.ws.readyState).toBe(client.ws.OPEN);
    slow.destroy();
  });

  it('gets all of an answer that fits what is kept for it', async () => {
    const relay = await startOldRelay();
    const body = Buffer.alloc(7 * MIB, 'abcdefg');
    await puppet(relay, (id, client) => {
      client.send({ kind: 'response_head', id, status: 200, headers: {} });
      for (let at = 0; at < body.length; at += 65_536) {
        const data = body.subarray(at, at + 65_536).toString('base64');
        client.send({ kind: 'response_chunk', id, data, last: false });
      }
      client.send({ kind: 'response_chunk', id, data: '', last: true });
      // All of it is at the relay: what happens to the link now is nothing to the visitor.
      client.ws.close();
    });
    const { response } = relay.visit('myapp', '/');
    const stream = await response;
    stream.pause();
    await waitFor(() => relay.server.stats.links === 0);
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part as Buffer);
    expect(Buffer.concat(parts).equals(body)).toBe(true);
  });
});

describe('the error rows of mcp-tunnel', () => {
  it('keep a missing host apart from an unknown one', async () => {
    const relay = await startOldRelay();
    await puppet(relay);
    const missing = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(relay.port, '127.0.0.1').setEncoding('latin1');
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('close', () => resolve(text));
      socket.end('GET / HTTP/1.1\r\n\r\n');
    });
    expect(missing).toMatch(/^HTTP\/1\.1 400 /);
    expect((await relay.visit('unknown', '/mcp').answer).status).toBe(404);
    // Only the whole domain counts: elsewhere the first label was enough.
    expect((await visit(relay.port, 'myapp.other.test', '/mcp', {}).answer).status).toBe(404);
  });
});
