import { describe, expect, it } from 'vitest';
import { Http1Error } from '../../src/http1/http1-error.ts';
import { NameSet } from '../../src/http1/name-set.ts';
import { editResponseHead, parseResponseHead, responseHead } from '../../src/http1/response-head.ts';

const OK = 'HTTP/1.1 200 OK';

describe('a response head', () => {
  it.each([
    ['length and chunked', `${OK}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked`],
    ['two lengths', `${OK}\r\nContent-Length: 1\r\nContent-Length: 1`],
    ['a bad length', `${OK}\r\nContent-Length: 1x`],
    ['an unknown coding', `${OK}\r\nTransfer-Encoding: gzip, chunked`],
    ['chunked in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked'],
    ['a folded header', `${OK}\r\nX: y\r\n z`],
    ['a bare LF', `${OK}\nX: y`],
    ['a status of two digits', 'HTTP/1.1 20 OK'],
    ['a status out of range', 'HTTP/1.1 600 OK'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.9'],
    ['a control byte in the reason', 'HTTP/1.1 200 O\x07K'],
    ['the length of a body that an interim answer cannot have', 'HTTP/1.1 104 X\r\nContent-Length: 5'],
    ['a coding of such a body', 'HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked'],
    ['the length of another protocol', 'HTTP/1.1 101 Switching Protocols\r\nContent-Length: 5'],
  ])('with %s is refused', (_what, text) => {
    expect(() => parseResponseHead(text, 'GET')).toThrow(Http1Error);
  });

  it.each([
    ['GET', `${OK}\r\nContent-Length: 5`, { kind: 'length', length: 5 }],
    ['GET', `${OK}\r\nTransfer-Encoding: chunked`, { kind: 'stream' }],
    ['GET', OK, { kind: 'stream' }],
    ['HEAD', `${OK}\r\nContent-Length: 5`, { kind: 'none' }],
    ['GET', 'HTTP/1.1 204 No Content\r\nContent-Length: 5', { kind: 'none' }],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5', { kind: 'none' }],
    ['GET', 'HTTP/1.1 103 Early Hints', { kind: 'none' }],
    ['GET', 'HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0', { kind: 'stream' }],
  ])('to %s, %j, frames its body', (method, text, framing) => {
    expect(parseResponseHead(text, method).framing).toEqual(framing);
  });

  it('of a server that ends the body by closing is known as such', () => {
    expect(parseResponseHead('HTTP/1.0 200 OK', 'GET').delimitedByClose).toBe(true);
    expect(parseResponseHead(`${OK}\r\nTransfer-Encoding: chunked`, 'GET').delimitedByClose).toBe(false);
  });

  it('may have no reason phrase', () => {
    const head = parseResponseHead('HTTP/1.1 200\r\nX: y', 'GET');

    expect([head.status, head.reason, head.get('x')]).toEqual([200, '', 'y']);
  });

  it('of our own refuses what would break out of its line', () => {
    expect(() => responseHead(200, ['X', 'a\r\nSet-Cookie: b'], { kind: 'none' })).toThrow(Http1Error);
    expect(responseHead(404, ['X', 'a'], { kind: 'none' }).lines).toEqual(['X', 'a']);
  });

  it('can be edited without being parsed again', () => {
    const head = parseResponseHead(`${OK}\r\nA: 1\r\nDrop: 2\r\nB: 3\r\nDrop: 4`, 'GET');

    const edited = editResponseHead(head, new NameSet(['drop']), ['C', '5', 'D', '6']);

    expect(edited.lines).toEqual(['A', '1', 'B', '3', 'C', '5', 'D', '6']);
    expect(edited.linesWithout(new NameSet(['c']), undefined)).toBe('\r\nA: 1\r\nB: 3\r\nD: 6');
    expect(edited.get('drop')).toBeUndefined();
    expect(() => editResponseHead(head, undefined, ['X', 'a\nb'])).toThrow(Http1Error);
  });
});
