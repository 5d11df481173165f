import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headerLinesOf, headerMapOf } from '../../../src/mcp-tunnel/wire/header-map.ts';
import {
  decodeAgentMessage,
  decodeRegisterRequest,
  decodeRegistrationAnswer,
  decodeRelayMessage,
  decodeSubdomainPick,
  encodeCancel,
  encodeRegisterAck,
  encodeRegisterRequest,
  encodeResponseChunk,
  encodeResponseError,
  encodeResponseHead,
  encodeSubdomainOffer,
  encodeSubdomainPick,
  encodeTunnelRequest,
  encodeTunnelResponse,
} from '../../../src/mcp-tunnel/wire/messages.ts';

const headers = new Map([['content-type', 'application/json']]);
const hello = Buffer.from('hello');

describe('registration messages of mcp-tunnel', () => {
  it('are the bytes the official peers write', () => {
    expect(encodeRegisterRequest({ token: 'tok_abc', subdomain: 'myapp' })).toBe(
      '{"token":"tok_abc","subdomain":"myapp"}',
    );
    expect(encodeRegisterRequest({ token: 'tok_abc', subdomain: undefined })).toBe(
      '{"token":"tok_abc","subdomain":null}',
    );
    expect(encodeRegisterAck({ subdomain: 'myapp', url: 'https://myapp.tunnel.example.com' })).toBe(
      '{"subdomain":"myapp","url":"https://myapp.tunnel.example.com"}',
    );
    expect(encodeSubdomainOffer({ subdomains: ['myapp', 'myapp-*'] })).toBe(
      '{"subdomains":["myapp","myapp-*"]}',
    );
    expect(encodeSubdomainPick({ subdomain: 'myapp-dev' })).toBe('{"subdomain":"myapp-dev"}');
  });

  it('are read with keys that are not known, and without a subdomain', () => {
    expect(decodeRegisterRequest('{"token":"t"}')).toEqual({ token: 't', subdomain: undefined });
    expect(decodeRegisterRequest('{"subdomain":null,"token":"","x":1}')).toEqual({
      token: '',
      subdomain: undefined,
    });
    expect(decodeSubdomainPick('{"subdomain":"a","x":[]}')).toEqual({ subdomain: 'a' });
    expect(decodeRegistrationAnswer('{"subdomains":[]}')).toEqual({ subdomains: [] });
    // Both at once: the acknowledgement is looked for first.
    expect(decodeRegistrationAnswer('{"subdomain":"a","url":"https://a.b","subdomains":["c"]}')).toEqual({
      subdomain: 'a',
      url: 'https://a.b',
    });
  });

  it.each(['', 'x', '[]', 'null', '1', '{}', '{"token":1}', '{"token":"t","subdomain":1}'])(
    'are skipped when they are not such: %s',
    (text) => {
      expect(decodeRegisterRequest(text)).toBeUndefined();
      expect(decodeRegistrationAnswer(text)).toBeUndefined();
      expect(decodeRelayMessage(text)).toBeUndefined();
      expect(decodeAgentMessage(text)).toBeUndefined();
    },
  );
});

describe('traffic messages of mcp-tunnel', () => {
  const request = { id: 'i', method: 'POST', path: '/mcp?a=1', headers, body: hello };

  it('carry a request in either generation, told apart by the kind', () => {
    expect(encodeTunnelRequest({ generation: 'buffered', ...request })).toBe(
      '{"id":"i","method":"POST","path":"/mcp?a=1","headers":{"content-type":"application/json"},"body":"aGVsbG8="}',
    );
    for (const generation of ['buffered', 'streamed'] as const) {
      expect(decodeRelayMessage(encodeTunnelRequest({ generation, ...request }))).toEqual({
        kind: 'request',
        generation,
        ...request,
      });
    }
    const empty = encodeTunnelRequest({ generation: 'streamed', ...request, body: Buffer.alloc(0) });
    expect(JSON.parse(empty)).toMatchObject({ kind: 'request', body: null });
    const absent = '{"id":"i","method":"GET","path":"/","headers":{}}';
    expect(decodeRelayMessage(absent)).toMatchObject({ generation: 'buffered', body: Buffer.alloc(0) });
  });

  it('carry an answer whole, or as head, chunks and errors', () => {
    const whole = { id: 'i', status: 200, headers, body: hello };
    expect(encodeTunnelResponse(whole)).toBe(
      '{"id":"i","status":200,"headers":{"content-type":"application/json"},"body":"aGVsbG8="}',
    );
    expect(decodeAgentMessage(encodeTunnelResponse(whole))).toEqual({ kind: 'response', ...whole });
    const head = { id: 'i', status: 204, headers };
    expect(decodeAgentMessage(encodeResponseHead(head))).toEqual({ kind: 'response_head', ...head });
    expect(encodeResponseChunk('i', hello, false)).toBe(
      '{"kind":"response_chunk","id":"i","data":"aGVsbG8=","last":false}',
    );
    expect(decodeAgentMessage(encodeResponseChunk('i', Buffer.alloc(0), true))).toEqual({
      kind: 'response_chunk',
      id: 'i',
      data: Buffer.alloc(0),
      last: true,
    });
    const error = { id: 'i', message: 'upstream gone' };
    expect(decodeAgentMessage(encodeResponseError(error))).toEqual({ kind: 'response_error', ...error });
    expect(decodeRelayMessage(encodeCancel({ id: 'i' }))).toEqual({ kind: 'cancel', id: 'i' });
  });

  it('are skipped when their kind or direction is another, or a field is missing or of another type', () => {
    expect(decodeRelayMessage('{"kind":"response_head","id":"i","status":200,"headers":{}}')).toBeUndefined();
    expect(
      decodeRelayMessage('{"kind":null,"id":"i","method":"GET","path":"/","headers":{}}'),
    ).toBeUndefined();
    expect(decodeRelayMessage('{"id":"i","method":"GET","path":"/","headers":{"a":1}}')).toBeUndefined();
    expect(decodeRelayMessage('{"id":"i","method":"GET","path":"/","headers":{},"body":1}')).toBeUndefined();
    expect(decodeAgentMessage('{"kind":"request","id":"i","status":200,"headers":{}}')).toBeUndefined();
    expect(decodeAgentMessage('{"id":"i","status":65536,"headers":{}}')).toBeUndefined();
    expect(decodeAgentMessage('{"id":"i","status":"200","headers":{}}')).toBeUndefined();
    expect(decodeAgentMessage('{"kind":"response_chunk","id":"i","data":""}')).toBeUndefined();
    expect(decodeAgentMessage('{"kind":"response_chunk","id":"i","data":null,"last":true}')).toBeUndefined();
  });

  it.each(['aGVsbG8', 'aGVs bG8=', 'aGVs\n', '====', 'a===', '!!!!'])(
    'say that a body is not base64 instead of taking a part of it: %j',
    (body) => {
      const text = JSON.stringify({ id: 'i', status: 200, headers: {}, body });
      expect(decodeAgentMessage(text)).toEqual({
        kind: 'response',
        id: 'i',
        status: 200,
        headers: new Map(),
        body: undefined,
      });
    },
  );

  it('bring back any body', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (array) => {
        const body = Buffer.from(array);
        const text = encodeTunnelResponse({ id: 'i', status: 200, headers, body });
        expect(decodeAgentMessage(text)).toEqual({ kind: 'response', id: 'i', status: 200, headers, body });
      }),
    );
  });

  it('survive a header called __proto__', () => {
    const text = '{"id":"i","method":"GET","path":"/","headers":{"__proto__":"x","a":"b"}}';
    const message = decodeRelayMessage(text);
    expect(message).toMatchObject({
      headers: new Map([
        ['__proto__', 'x'],
        ['a', 'b'],
      ]),
    });
  });
});

describe('headers on the wire of mcp-tunnel', () => {
  it('are joined where they are lists, and the last of the others stays', () => {
    const lines = [
      'Vary',
      'a',
      'VARY',
      'b',
      'Set-Cookie',
      'a=1',
      'set-cookie',
      'b=2',
      'Cookie',
      'x',
      'cookie',
      'y',
    ];
    expect(headerMapOf(lines)).toEqual(
      new Map([
        ['vary', 'a, b'],
        ['set-cookie', 'b=2'],
        ['cookie', 'x; y'],
      ]),
    );
  });

  it('are left out when they are of one hop, named by Connection, or not visible ASCII', () => {
    const lines = [
      'Connection',
      'X-Hop, close',
      'X-Hop',
      '1',
      'TE',
      'x',
      'Content-Length',
      '5',
      'X-Umlaut',
      'ä',
    ];
    expect(headerMapOf([...lines, 'Host', 'a'])).toEqual(new Map([['host', 'a']]));
    const map = new Map([
      ['connection', 'x-hop'],
      ['x-hop', '1'],
      ['a b', '1'],
      ['x', 'a\r\nEvil: 1'],
      ['ok', ' v '],
    ]);
    expect(headerLinesOf(map)).toEqual(['ok', 'v']);
  });
});
