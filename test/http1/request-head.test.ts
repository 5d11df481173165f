import { describe, expect, it } from 'vitest';
import { Http1Error } from '../../src/http1/http1-error.ts';
import { parseRequestHead } from '../../src/http1/request-head.ts';
import { serializeRequestHead } from '../../src/http1/rewrite.ts';
import { GET, HOST, head, POST, REFUSED_HEADS } from './corpus/requests.ts';

function refused(text: string): { status: number; reason: string } | undefined {
  try {
    parseRequestHead(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof Http1Error)) throw error;
    return { status: error.status, reason: error.reason };
  }
}

describe('a request head', () => {
  it.each(REFUSED_HEADS)('with %s is refused', (_what, text, reason, status = 400) => {
    expect(refused(text)).toEqual({ status, reason });
  });

  it('keeps order, case and repetition of its headers', () => {
    const parsed = parseRequestHead(head(GET, HOST, 'X-A:  one \t', 'x-a: two', 'X-B:'));

    expect(parsed.lines).toEqual(['Host', 'a', 'X-A', 'one', 'x-a', 'two', 'X-B', '']);
    expect(parsed.get('x-a')).toBe('one');
    expect(parsed.getAll('x-a')).toEqual(['one', 'two']);
    expect(parsed.get('x-b')).toBe('');
    expect(parsed.get('x-c')).toBeUndefined();
  });

  it('never normalises the target', () => {
    const target = '/a/../b//%2e%2e/?q={"x":1}&r=%00';

    expect(parseRequestHead(head(`GET ${target} HTTP/1.1`, HOST)).target).toBe(target);
  });

  it.each([
    ['http://a/b?c', '/b?c'],
    ['HTTP://A', '/'],
    ['http://a?c', '/?c'],
    ['https://a/', '/'],
  ])('reduces the absolute target %s to %s', (target, reduced) => {
    expect(parseRequestHead(head(`GET ${target} HTTP/1.1`, HOST)).target).toBe(reduced);
  });

  it.each([
    [[GET, HOST], { kind: 'none' }],
    [[POST, HOST, 'Content-Length: 0'], { kind: 'length', length: 0 }],
    [[POST, HOST, 'Content-Length: 007'], { kind: 'length', length: 7 }],
    [[POST, HOST, 'Transfer-Encoding: Chunked'], { kind: 'stream' }],
  ])('says how the body of %j is framed', (lines, framing) => {
    expect(parseRequestHead(head(...lines)).framing).toEqual(framing);
  });

  it.each([
    [[GET, HOST], true],
    [[GET, HOST, 'Connection: close'], false],
    [[GET, HOST, 'Connection: keep-alive, Close'], false],
    [['GET / HTTP/1.0', HOST], false],
    [['GET / HTTP/1.0', HOST, 'Connection: Keep-Alive'], true],
  ])('knows whether the connection of %j stays open', (lines, keepAlive) => {
    expect(parseRequestHead(head(...lines)).keepAlive).toBe(keepAlive);
  });

  const websocket = ['Connection: keep-alive, Upgrade', 'Upgrade: WebSocket'];
  it.each([
    ['a complete one', [GET, HOST, ...websocket], 'websocket'],
    ['one without Connection', [GET, HOST, 'Upgrade: websocket'], undefined],
    ['one in HTTP/1.0', ['GET / HTTP/1.0', HOST, ...websocket], undefined],
    ['one with a body', [GET, HOST, ...websocket, 'Content-Length: 1'], undefined],
    ['a list', [GET, HOST, 'Connection: upgrade', 'Upgrade: websocket, other'], undefined],
    ['h2c', [GET, HOST, 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c'], undefined],
    ['HTTP/2.0', [GET, HOST, 'Connection: Upgrade', 'Upgrade: HTTP/2.0'], undefined],
    ['h2c-14', [GET, HOST, 'Connection: Upgrade', 'Upgrade: h2c-14'], undefined],
    ['TLS/1.0', [GET, HOST, 'Connection: Upgrade', 'Upgrade: TLS/1.0'], undefined],
    ['one that announces no body', [GET, HOST, ...websocket, 'Content-Length: 0'], 'websocket'],
    [
      'one that announces a body of no known length',
      [GET, HOST, ...websocket, 'Transfer-Encoding: chunked'],
      undefined,
    ],
  ])('reads an upgrade: %s', (_what, lines, upgrade) => {
    expect(parseRequestHead(head(...lines)).upgrade).toBe(upgrade);
  });

  it('of a handshake that announces no body has none', () => {
    const parsed = parseRequestHead(head(GET, HOST, ...websocket, 'Content-Length: 0'));

    expect(serializeRequestHead(parsed)).toBe(
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket',
    );
  });

  it('is checked in linear time', () => {
    const started = performance.now();

    expect(refused(`${GET}\r\n${HOST}\r\n${'A: b\r\n'.repeat(2_500)}\x00`)).toBeDefined();
    expect(refused(`${GET}\r\n${HOST}\r\nX: ${' \t'.repeat(8_000)}\x00`)).toBeDefined();
    expect(performance.now() - started).toBeLessThan(200);
  });
});
