import { describe, expect, it } from 'vitest';
import { NameSet } from '../../src/http1/name-set.ts';
import { parseRequestHead } from '../../src/http1/request-head.ts';
import { parseResponseHead } from '../../src/http1/response-head.ts';
import { serializeRequestHead, serializeResponseHead } from '../../src/http1/rewrite.ts';

describe('a head that is passed on', () => {
  it('loses the headers of the hop, and those that Connection names', () => {
    const request = parseRequestHead(
      [
        'POST /a HTTP/1.1',
        'Host: a',
        'Connection: close, X-Hop, x_other',
        'Keep-Alive: 5',
        'X-Hop: 1',
        'X-Other: 2',
        'TE: trailers',
        'Trailer: X',
        'Proxy-Connection: keep-alive',
        'Proxy-Authorization: Basic x',
        'Upgrade: h2c',
        'Expect: 100-continue',
        'Content_Length: 9',
        'Content-Length: 3',
        'X-Kept: yes',
      ].join('\r\n'),
    );

    expect(serializeRequestHead(request)).toBe(
      'POST /a HTTP/1.1\r\nHost: a\r\nX-Other: 2\r\nX-Kept: yes\r\nContent-Length: 3',
    );
  });

  it('keeps what everybody needs, whatever Connection names', () => {
    const text = serializeRequestHead(
      parseRequestHead(
        'GET / HTTP/1.1\r\nConnection: host, Authorization, mcp_session_id, x-tunneld-token, x-hop\r\nHost: a\r\nAuthorization: b\r\nMcp-Session-Id: c\r\nX-Tunneld-Token: d\r\nX-Hop: e',
      ),
    );

    expect(text).toBe(
      'GET / HTTP/1.1\r\nHost: a\r\nAuthorization: b\r\nMcp-Session-Id: c\r\nX-Tunneld-Token: d',
    );
  });

  it('gets what is set in place of what is dropped, in whatever spelling it came', () => {
    const request = parseRequestHead(
      'GET /t/x/a HTTP/1.1\r\nhOST: a\r\nX_Forwarded_For: 6.6.6.6\r\nx-forwarded-for: 7.7.7.7\r\nB: c',
    );

    const text = serializeRequestHead(request, {
      target: '/a',
      drop: new NameSet(['host', 'x-forwarded-for']),
      add: ['Host', 'localhost:1', 'X-Forwarded-For', '1.2.3.4'],
    });

    expect(text).toBe('GET /a HTTP/1.1\r\nB: c\r\nHost: localhost:1\r\nX-Forwarded-For: 1.2.3.4');
  });

  it('keeps a valid upgrade', () => {
    const request = parseRequestHead(
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket',
    );

    expect(serializeRequestHead(request)).toContain('\r\nConnection: Upgrade\r\nUpgrade: websocket');
  });

  it('is read the same by our own parser', () => {
    const request = parseRequestHead('PUT /x?y HTTP/1.0\r\nHost: a\r\nA: 1\r\nA: 2\r\nContent-Length: 4');

    const again = parseRequestHead(serializeRequestHead(request));

    expect([again.method, again.target, again.lines, again.framing]).toEqual([
      'PUT',
      '/x?y',
      ['Host', 'a', 'A', '1', 'A', '2', 'Content-Length', '4'],
      { kind: 'length', length: 4 },
    ]);
  });

  it.each([
    ['GET', 'HTTP/1.1 200 OK\r\nContent-Length: 5', 'Content-Length: 5'],
    ['GET', 'HTTP/1.0 200 OK', 'Transfer-Encoding: chunked'],
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5', 'Content-Length: 5'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5', 'Content-Length: 5'],
    ['GET', 'HTTP/1.1 204 No Content\r\nContent-Length: 0', ''],
  ])('frames the answer to %s as its body is: %j', (requestMethod, text, line) => {
    const out = serializeResponseHead(parseResponseHead(text, requestMethod), { requestMethod });

    expect(out.split('\r\n').slice(1).join('|')).toBe(line);
  });
});
