import { describe, expect, it } from 'vitest';
import { Http1Error } from '../../src/http1/http1-error.ts';
import { parseRequestHead } from '../../src/http1/request-head.ts';

function head(...lines: string[]): string {
  return lines.join('\r\n');
}

function refused(text: string): { status: number; reason: string } | undefined {
  try {
    parseRequestHead(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof Http1Error)) throw error;
    return { status: error.status, reason: error.reason };
  }
}

const GET = 'GET / HTTP/1.1';
const POST = 'POST / HTTP/1.1';
const HOST = 'Host: a';

/** Everything two parsers could read differently, one vector a row: what it is, its bytes, our word for it. */
const VECTORS: [what: string, text: string, reason: string, status?: number][] = [
  [
    'length and chunked',
    head(POST, HOST, 'Content-Length: 3', 'Transfer-Encoding: chunked'),
    'length-and-transfer-encoding',
  ],
  [
    'chunked and length',
    head(POST, HOST, 'Transfer-Encoding: chunked', 'Content-Length: 3'),
    'length-and-transfer-encoding',
  ],
  [
    'two equal lengths',
    head(POST, HOST, 'Content-Length: 3', 'Content-Length: 3'),
    'repeated-content-length',
  ],
  [
    'two different lengths',
    head(POST, HOST, 'Content-Length: 3', 'content-length: 4'),
    'repeated-content-length',
  ],
  ['a list of lengths', head(POST, HOST, 'Content-Length: 3, 3'), 'bad-content-length'],
  ['a signed length', head(POST, HOST, 'Content-Length: +3'), 'bad-content-length'],
  ['a negative length', head(POST, HOST, 'Content-Length: -1'), 'bad-content-length'],
  ['a hexadecimal length', head(POST, HOST, 'Content-Length: 0x3'), 'bad-content-length'],
  ['a fractional length', head(POST, HOST, 'Content-Length: 3.0'), 'bad-content-length'],
  ['an empty length', head(POST, HOST, 'Content-Length:'), 'bad-content-length'],
  [
    'a length beyond exact numbers',
    head(POST, HOST, 'Content-Length: 9999999999999999'),
    'bad-content-length',
  ],
  ['a length with a tab', head(POST, HOST, 'Content-Length: 3\t'), 'bad-content-length'],
  ['a coding with a tab', head(POST, HOST, 'Transfer-Encoding:\tchunked'), 'unknown-transfer-encoding'],
  ['a length with a no-break space', head(POST, HOST, 'Content-Length: \xa03'), 'bad-content-length'],
  ['an unknown coding', head(POST, HOST, 'Transfer-Encoding: gzip'), 'unknown-transfer-encoding'],
  ['a list of codings', head(POST, HOST, 'Transfer-Encoding: gzip, chunked'), 'unknown-transfer-encoding'],
  ['chunked twice', head(POST, HOST, 'Transfer-Encoding: chunked, chunked'), 'unknown-transfer-encoding'],
  [
    'chunked in two headers',
    head(POST, HOST, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
    'repeated-transfer-encoding',
  ],
  ['identity', head(POST, HOST, 'Transfer-Encoding: identity'), 'unknown-transfer-encoding'],
  ['xchunked', head(POST, HOST, 'Transfer-Encoding: xchunked'), 'unknown-transfer-encoding'],
  ['quoted chunked', head(POST, HOST, 'Transfer-Encoding: "chunked"'), 'unknown-transfer-encoding'],
  ['chunked with a vertical tab', head(POST, HOST, 'Transfer-Encoding: \x0bchunked'), 'bad-header-line'],
  [
    'chunked in HTTP/1.0',
    head('POST / HTTP/1.0', HOST, 'Transfer-Encoding: chunked'),
    'transfer-encoding-in-http-1.0',
  ],
  ['a folded header', head(GET, HOST, 'X-A: b', ' c'), 'folded-header'],
  ['a folded first header', head(GET, ' X-A: b', HOST), 'folded-header'],
  ['a space before the colon', head(GET, HOST, 'X-A : b'), 'bad-header-line'],
  ['a space before the length colon', head(POST, HOST, 'Content-Length : 3'), 'bad-header-line'],
  ['a tab before the colon', head(GET, HOST, 'X-A\t: b'), 'bad-header-line'],
  ['a header without colon', head(GET, HOST, 'X-A'), 'bad-header-line'],
  ['a header without name', head(GET, HOST, ': b'), 'bad-header-line'],
  ['a bare LF between headers', `${GET}\r\n${HOST}\nX-A: b`, 'bare-line-feed'],
  ['a bare LF after the request line', `${GET}\n${HOST}`, 'bare-line-feed'],
  ['a bare CR in a value', head(GET, HOST, 'X-A: b\rc'), 'bare-line-feed'],
  ['a NUL in a value', head(GET, HOST, 'X-A: b\x00c'), 'bad-header-line'],
  ['a NUL in a name', head(GET, HOST, 'X\x00A: b'), 'bad-header-line'],
  ['a control byte in a value', head(GET, HOST, 'X-A: b\x01c'), 'bad-header-line'],
  ['DEL in a value', head(GET, HOST, 'X-A: b\x7fc'), 'bad-header-line'],
  ['a byte above ASCII in a name', head(GET, HOST, 'X-\xc4: b'), 'bad-header-line'],
  ['an empty line before the request line', `\r\n${GET}\r\n${HOST}`, 'bad-request-line'],
  ['no host', GET, 'missing-host'],
  ['no host in HTTP/1.0', 'GET / HTTP/1.0', 'missing-host'],
  ['two hosts', head(GET, HOST, 'Host: b'), 'repeated-host'],
  ['an empty host', head(GET, 'Host:'), 'bad-host'],
  ['a list of hosts', head(GET, 'Host: a, b'), 'bad-host'],
  ['a host with a path', head(GET, 'Host: a/b'), 'bad-host'],
  ['a host with user information', head(GET, 'Host: x@a'), 'bad-host'],
  ['a host with a bad port', head(GET, 'Host: a:8x'), 'bad-host'],
  ['CONNECT', head('CONNECT a:443 HTTP/1.1', 'Host: a:443'), 'connect-method'],
  ['a foreign absolute target', head('GET http://b/ HTTP/1.1', HOST), 'target-and-host-differ'],
  [
    'an absolute target with user information',
    head('GET http://x@a/ HTTP/1.1', HOST),
    'target-and-host-differ',
  ],
  ['an absolute target with another port', head('GET http://a:81/ HTTP/1.1', HOST), 'target-and-host-differ'],
  ['another scheme', head('GET ftp://a/ HTTP/1.1', HOST), 'bad-target'],
  ['an authority target', head('GET a:80 HTTP/1.1', HOST), 'bad-target'],
  ['a relative target', head('GET x HTTP/1.1', HOST), 'bad-target'],
  ['a star with GET', head('GET * HTTP/1.1', HOST), 'bad-target'],
  ['a fragment in the target', head('GET /a#b HTTP/1.1', HOST), 'bad-header-line'],
  ['a backslash in the target', head('GET /a\\b HTTP/1.1', HOST), 'bad-header-line'],
  ['a byte above ASCII in the target', head('GET /\xe4 HTTP/1.1', HOST), 'bad-header-line'],
  ['a space in the target', head('GET /a b HTTP/1.1', HOST), 'bad-request-line'],
  ['a tab in the request line', head('GET\t/ HTTP/1.1', HOST), 'bad-request-line'],
  ['two spaces in the request line', head('GET  / HTTP/1.1', HOST), 'bad-request-line'],
  ['a space after the version', head('GET / HTTP/1.1 ', HOST), 'bad-request-line'],
  ['no version', head('GET /', HOST), 'bad-request-line'],
  ['a lower-case method', head('get / HTTP/1.1', HOST), 'bad-request-line'],
  ['a lower-case protocol', head('GET / http/1.1', HOST), 'bad-request-line'],
  ['HTTP/1.2', head('GET / HTTP/1.2', HOST), 'bad-request-line'],
  ['HTTP/0.9', head('GET / HTTP/0.9', HOST), 'bad-request-line'],
  ['HTTP/2.0', head('GET / HTTP/2.0', HOST), 'http-version', 505],
  ['the HTTP/2 preface', 'PRI * HTTP/2.0', 'http-version', 505],
  ['an unknown expectation', head(POST, HOST, 'Expect: 200-ok'), 'unknown-expectation', 417],
  [
    'too many headers',
    head(GET, HOST, ...Array.from({ length: 100 }, (_, i) => `X-${i}: y`)),
    'too-many-headers',
    431,
  ],
];

describe('a request head', () => {
  it.each(VECTORS)('with %s is refused', (_what, text, reason, status = 400) => {
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
  ])('reads an upgrade: %s', (_what, lines, upgrade) => {
    expect(parseRequestHead(head(...lines)).upgrade).toBe(upgrade);
  });

  it('is checked in linear time', () => {
    const started = performance.now();

    expect(refused(`${GET}\r\n${HOST}\r\n${'A: b\r\n'.repeat(2_500)}\x00`)).toBeDefined();
    expect(refused(`${GET}\r\n${HOST}\r\nX: ${' \t'.repeat(8_000)}\x00`)).toBeDefined();
    expect(performance.now() - started).toBeLessThan(200);
  });
});
