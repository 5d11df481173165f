import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readProxyHeader } from '../../src/http1/proxy-header.ts';
import { Http1Server } from '../../src/http1/server.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { proxyV2 } from '../helpers/proxy-v2.ts';
import { quiet } from '../helpers/quiet.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { RawClient } from './raw-client.ts';

const text = (line: string) => Buffer.from(line, 'latin1');
const v4 = [203, 0, 113, 7, 192, 0, 2, 1, 0xd4, 0x31, 0x01, 0xbb];
const v6 = [
  ...Buffer.from('20010db8000000000000000000000007', 'hex'),
  ...Buffer.alloc(16),
  0xd4,
  0x31,
  1,
  0xbb,
];

describe('a PROXY header of version 1', () => {
  it.each([
    ['PROXY TCP4 203.0.113.7 192.0.2.1 54321 443\r\n', '203.0.113.7'],
    ['PROXY TCP6 2001:DB8:0:0::7 2001:db8::1 54321 443\r\n', '2001:db8::7'],
    ['PROXY UNKNOWN\r\n', undefined],
    ['PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n', undefined],
  ])('%j is of %s', (line, address) => {
    const header = readProxyHeader(text(`${line}GET / HTTP/1.1\r\n`));
    expect(header).toEqual({ complete: true, length: line.length, address });
  });

  it.each([
    'PROXY TCP4 203.0.113.7 192.0.2.1 54321 443 9\r\n',
    'PROXY TCP4 203.0.113.7 192.0.2.1 54321\r\n',
    'PROXY TCP4  203.0.113.7 192.0.2.1 54321 443\r\n',
    'PROXY TCP4 2001:db8::7 2001:db8::1 54321 443\r\n',
    'PROXY TCP4 203.0.113.7 192.0.2.1 54321 65536\r\n',
    'PROXY TCP4 203.0.113.7 192.0.2.1 054321 443\r\n',
    'PROXY TCP4 203.0.113.300 192.0.2.1 54321 443\r\n',
    'PROXY TCP5 203.0.113.7 192.0.2.1 54321 443\r\n',
    'PROXY\r\n',
    'proxy TCP4 203.0.113.7 192.0.2.1 54321 443\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    `PROXY UNKNOWN ${'x'.repeat(100)}\r\n`,
    `PROXY TCP4 203.0.113.7 192.0.2.1 54321 443\n${'x'.repeat(100)}`,
  ])('%j is none', (line) => {
    expect(() => readProxyHeader(text(line))).toThrow(RangeError);
  });
});

describe('a PROXY header of version 2', () => {
  it.each([
    ['IPv4', proxyV2(0x21, 0x11, v4), '203.0.113.7'],
    ['IPv4 with TLVs', proxyV2(0x21, 0x11, [...v4, 0x04, 0, 3, 1, 2, 3]), '203.0.113.7'],
    ['IPv6', proxyV2(0x21, 0x21, v6), '2001:db8::7'],
    ['a Unix socket', proxyV2(0x21, 0x31, new Array(216).fill(0)), undefined],
    ['nobody named', proxyV2(0x21, 0x00, []), undefined],
    ['the proxy itself', proxyV2(0x20, 0x00, []), undefined],
    ['the proxy itself, with addresses to skip', proxyV2(0x20, 0x11, v4), undefined],
  ])('is read: %s', (_, bytes, address) => {
    const header = readProxyHeader(Buffer.concat([bytes, text('GET /')]));
    expect(header).toEqual({ complete: true, length: bytes.length, address });
  });

  it.each([
    ['version 1', proxyV2(0x11, 0x11, v4)],
    ['command 2', proxyV2(0x22, 0x11, v4)],
    ['half an address', proxyV2(0x21, 0x11, v4.slice(0, 11))],
    ['half an IPv6 address', proxyV2(0x21, 0x21, v4)],
    ['an unknown family', proxyV2(0x21, 0x41, v6)],
    ['datagrams', proxyV2(0x21, 0x12, v4)],
    ['5,000 bytes', proxyV2(0x21, 0x11, [...v4, ...new Array(5_000).fill(0)])],
  ])('is refused: %s', (_, bytes) => {
    expect(() => readProxyHeader(bytes)).toThrow(RangeError);
  });

  it('is refused for its length before its bytes are waited for', () => {
    expect(() => readProxyHeader(proxyV2(0x21, 0x11, new Array(5_000).fill(0)).subarray(0, 16))).toThrow(
      RangeError,
    );
  });
});

it('a header is incomplete until its last byte, wherever it is cut', () => {
  const whole = [
    text('PROXY TCP4 203.0.113.7 192.0.2.1 54321 443\r\n'),
    text('PROXY UNKNOWN\r\n'),
    proxyV2(0x21, 0x21, [...v6, 4, 0, 1, 0]),
    proxyV2(0x20, 0x00, []),
  ];
  for (const bytes of whole) {
    for (let cut = 0; cut < bytes.length; cut++) {
      expect(readProxyHeader(bytes.subarray(0, cut))).toEqual({ complete: false });
    }
  }
});

it('no bytes at all make anything but an answer or a refusal', () => {
  const start = fc.constantFrom(
    'PROXY ',
    'PROXY TCP6 ',
    '\r\n\r\n\0\r\nQUIT\n!\x11',
    '\r\n\r\n\0\r\nQUIT\n!!\0',
    '',
  );
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 300 }), (begin, rest) => {
      try {
        const header = readProxyHeader(Buffer.concat([text(begin), rest]));
        if (header.complete) expect(header.length).toBeLessThanOrEqual(begin.length + rest.length);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
    { numRuns: 2_000 },
  );
  expect.assertions(expect.getState().assertionCalls);
});

it('a trusted proxy that keeps its header to itself is cut off in time', async () => {
  const clock = new FakeClock();
  const server = new Http1Server({
    handler: (exchange) => exchange.abort('unexpected'),
    peerOf: () => ({ address: '', scheme: 'http', host: '', via: 'local' }),
    proxyHeaders: { trusts: () => true },
    limits: { headTimeoutMs: 10_000 },
    clock,
    log: quiet,
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  const client = new RawClient(port);
  await waitFor(() => clock.pending === 2);
  client.send('PROXY TCP4 ');
  await clock.advance(9_999);
  expect(client.closed).toBe(false);
  await clock.advance(1);
  await waitFor(() => client.ended || client.closed);
  expect(client.received).toBe('');
});
