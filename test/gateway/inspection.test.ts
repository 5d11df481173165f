import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RequestEvent } from '../../src/core/request-event.ts';
import { BEARER, Bench, bodyOf, portOf, startHttp, stop } from './setup.ts';

let server: Awaited<ReturnType<typeof startHttp>>;
let bench: Bench;

beforeEach(async () => {
  server = await startHttp((_request, response) => response.end('ok'));
  bench = await new Bench(portOf(server)).listen();
});

afterEach(async () => {
  await bench.end();
  await stop(server);
});

async function eventOf(body: string, headers = ''): Promise<RequestEvent> {
  await bench.ask('POST /mcp', post(body, headers), body);
  return bench.event();
}

function post(body: string, headers = ''): string {
  return `${BEARER}${headers}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
}

describe('the call of a request', () => {
  it('is the first of a batch, with how many there are', async () => {
    const body = JSON.stringify([
      { jsonrpc: '2.0', id: 'a', method: 'tools/call', params: { name: 'echo' } },
      { jsonrpc: '2.0', id: 'b', method: 'ping' },
    ]);

    expect((await eventOf(body)).rpc).toEqual({ method: 'tools/call', name: 'echo', batch: 2 });
  });

  it.each(['[]', '[1]', 'null', '{"id":{}}', 'not json', '{"method":5}'])(
    'is unknown for %s, which passes all the same',
    async (body) => {
      expect(await eventOf(body)).toMatchObject({ status: 200, outcome: 'complete' });
      expect(bench.events.at(-1)?.rpc).toBeUndefined();
    },
  );

  it('is what Mcp-Method and Mcp-Name say, before what the body says', async () => {
    const body = JSON.stringify({ id: 1, method: 'other', params: { name: 'other' } });

    expect((await eventOf(body, 'Mcp-Method: tools/call\r\nMcp-Name: echo\r\n')).rpc).toEqual({
      method: 'tools/call',
      name: 'echo',
    });
  });

  it.each([
    [`=?base64?${Buffer.from('grüße').toString('base64')}?=`, 'grüße'],
    [`=?base64?${Buffer.from('a\u001b[2Jb').toString('base64')}?=`, 'a?[2Jb'],
    ['=?base64?not base64?=', '=?base64?not base64?='],
    ['base64', 'base64'],
  ])('is readable when Mcp-Name is %s', async (header, name) => {
    expect((await eventOf('{}', `Mcp-Method: tools/call\r\nMcp-Name: ${header}\r\n`)).rpc?.name).toBe(name);
  });

  const hashed = '2bb80d537b1d';
  it.each([
    ['tools/call', 'name', 'echo', 'echo'],
    ['prompts/get', 'name', 'greet', 'greet'],
    ['resources/read', 'uri', 'S3://bucket/x?X-Amz-Signature=secret', 's3:'],
    ['resources/subscribe', 'uri', 'file:///home/secret', 'file:'],
    ['resources/read', 'uri', 'secret', undefined],
    ['tasks/result', 'taskId', 'secret', hashed],
    ['tasks/cancel', 'taskId', 'secret', hashed],
    ['completion/complete', 'name', 'secret', undefined],
    ['x/y', 'name', 'secret', undefined],
  ])('says of %s only what is no secret: %s %s', async (method, param, value, name) => {
    const body = JSON.stringify({ id: 1, method, params: { [param]: value } });
    const wanted = { method, ...(name !== undefined && { name }) };

    expect((await eventOf(body)).rpc).toEqual(wanted);
    await eventOf('{}', `Mcp-Method: ${method}\r\nMcp-Name: ${value}\r\n`);
    expect(bench.events.at(-1)?.rpc).toEqual(wanted);
  });

  it.each([
    ['"a\\"b"', '{"id":"a\\"b","method":"ping"}'],
    ['7', '[{"id":7,"method":"ping"},{"id":8,"method":"ping"}]'],
    ['null', '{"method":"ping"}'],
  ])('has its id %s in an answer of our own', async (id, body) => {
    server.removeAllListeners('request').on('request', (request) => request.socket.destroy());

    const answer = await bench.ask('POST /mcp', post(body), body);

    expect(answer).toMatch(/^HTTP\/1\.1 502 /);
    expect(JSON.stringify(JSON.parse(bodyOf(answer)).id)).toBe(id);
  });
});
