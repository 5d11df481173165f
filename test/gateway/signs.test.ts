import { describe, expect, it } from 'vitest';
import type { ServerSign } from '../../src/core/server-sign.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { listen } from '../helpers/mcp-servers.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { BEARER, Bench } from './setup.ts';

const CALL = `${BEARER}Content-Type: application/json\r\nConnection: close\r\n`;

async function benchFor(answer: Parameters<typeof listen>[0], clock?: FakeClock) {
  const server = await listen(answer);
  const signs: ServerSign[] = [];
  const bench = await new Bench(server.port, {
    onSign: (sign) => signs.push(sign),
    ...(clock !== undefined && { clock }),
  }).listen();
  const post = (path: string, body: string, headers = '') =>
    bench.send(`POST ${path}`, `${CALL}${headers}Content-Length: ${body.length}\r\n`, body);
  return {
    bench,
    signs,
    post,
    async [Symbol.asyncDispose]() {
      await bench.gateway.close();
      await server.stop();
    },
  };
}

const INITIALIZE = '{"jsonrpc":"2.0","id":1,"method":"initialize"}';

describe('what the gateway tells of the server', () => {
  it('is the method of a call, how its answer begins, and which session it opened', async () => {
    await using setup = await benchFor((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'secret-id' });
      response.end('{"jsonrpc":"2.0","id":1,"result":{}}');
    });
    setup.post('/mcp?x=1', INITIALIZE);
    await waitFor(() => setup.signs.length > 0);
    expect(setup.signs).toEqual([
      {
        via: 'local',
        method: 'POST',
        path: '/mcp',
        call: true,
        rpc: 'initialize',
        opened: expect.stringMatching(/^[0-9a-f]{12}$/),
        seen: {
          kind: 'answer',
          status: 200,
          type: 'application/json',
          start: '{"jsonrpc":"2.0","id":1,"result":{}}',
        },
      },
    ]);
    expect(JSON.stringify(setup.signs)).not.toContain('secret-id');
  });

  it('is an event stream as soon as it opens, and what its first event is', async () => {
    let more: () => void = () => undefined;
    await using setup = await benchFor((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      more = () => response.write('event: endpoint\ndata: /messages\n\n');
    });
    setup.bench.send('GET /sse');
    await waitFor(() => setup.signs.length === 1);
    expect(setup.signs[0]).toMatchObject({ method: 'GET', call: false, seen: { start: '' } });
    more();
    await waitFor(() => setup.signs.length === 2);
    expect(setup.signs[1]).toMatchObject({ seen: { start: expect.stringContaining('event: endpoint') } });
  });

  it('is nothing about the server where the gateway answers by itself', async () => {
    await using setup = await benchFor((_request, response) => response.end());
    await setup.bench.ask('GET /.tunneld/healthz', `${BEARER}Connection: close\r\n`);
    await setup.bench.ask('POST /mcp', 'Connection: close\r\nContent-Length: 0\r\n');
    expect(setup.signs.map(({ seen }) => seen.kind)).toEqual(['unasked', 'unasked']);
  });

  it('is the word of the parser for an answer that cannot be passed on', async () => {
    await using setup = await benchFor((request) => {
      request.socket.end('SSH-2.0-OpenSSH\r\n');
    });
    setup.post('/mcp', INITIALIZE);
    await waitFor(() => setup.signs.length > 0);
    expect(setup.signs[0]).toMatchObject({ seen: { kind: 'failure', reason: 'not-http', protocol: true } });
  });

  it('is that a call waits for its first byte, each time that is longer than before', async () => {
    const clock = new FakeClock();
    await using setup = await benchFor((request) => void request.resume(), clock);
    setup.post('/mcp', INITIALIZE);
    await waitFor(() => setup.bench.gateway.active > 0);
    await waitFor(async () => {
      await clock.advance(1_000);
      return setup.signs.length === 2;
    });
    expect(setup.signs.map(({ seen }) => seen.kind)).toEqual(['silence', 'silence']);
  });

  it.each([
    { waits: 'for 2 s', forMs: 2_000, kinds: ['silence', 'unasked'] },
    { waits: 'for a moment', forMs: 500, kinds: ['unasked'] },
  ])('is the silence that a caller gave up on who waited $waits', async ({ forMs, kinds }) => {
    const clock = new FakeClock();
    let asked = 0;
    await using setup = await benchFor((request) => {
      request.resume();
      asked++;
    }, clock);
    const caller = setup.post('/mcp', INITIALIZE);
    await waitFor(() => asked > 0);
    await clock.advance(forMs);
    caller.socket.destroy();
    await waitFor(() => setup.signs.at(-1)?.seen.kind === 'unasked');
    expect(setup.signs.map(({ seen }) => seen.kind)).toEqual(kinds);
  });

  it('leaves out our own probes', async () => {
    await using setup = await benchFor((_request, response) => response.end('{}'));
    await setup.bench.ask('GET /mcp', `${BEARER}X-Tunneld-Probe: probe.key.nonce\r\nConnection: close\r\n`);
    expect(setup.bench.events).toHaveLength(1);
    expect(setup.signs).toEqual([]);
  });
});
