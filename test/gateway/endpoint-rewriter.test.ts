import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EndpointRewriter } from '../../src/gateway/endpoint-rewriter.ts';
import { ServerLinks } from '../../src/gateway/server-links.ts';
import { ServerNames } from '../../src/gateway/server-names.ts';
import { EventBoundary } from '../../src/http1/event-stream.ts';

const NAMES = new ServerNames({ protocol: 'http:', host: '127.0.0.1', port: 3845, hostHeader: 'mcp.test' });

function rewriterFor(prefix: string): EndpointRewriter {
  const links = new ServerLinks({
    names: NAMES,
    target: '/sse',
    routing: prefix,
    secret: '',
    origin: 'https://relay.example',
    publicHosts: ['relay.example'],
  });
  return new EndpointRewriter((endpoint) => links.path(endpoint));
}

const TAIL = 'event: endpoint\ndata: /second\n\ndata: x\n\n';

/** What comes out when `text` arrives in pieces of these sizes (the last takes the rest). */
function rewritten(text: string, sizes: readonly number[] = [], prefix = '/figma'): string {
  const rewriter = rewriterFor(prefix);
  const out = pieces(text, sizes).map((piece) => rewriter.push(piece).toString('latin1'));
  return out.join('') + rewriter.flush().toString('latin1');
}

function pieces(text: string, sizes: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  let at = 0;
  const cut = sizes.map((size) => {
    at += size;
    return bytes.subarray(at - size, at);
  });
  return [...cut, bytes.subarray(at)];
}

const sizes = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 40 });
const eol = fc.constantFrom('\n', '\r\n', '\r');

describe('the endpoint of a legacy server', () => {
  it.each([
    ['/messages?id=1', '/figma/messages?id=1'],
    ['http://localhost:3845/messages?id=1#f', '/figma/messages?id=1#f'],
    ['http://127.0.0.1:3845/messages', '/figma/messages'],
    ['https://LOCALHOST:3845/messages', '/figma/messages'],
    ['http://[::1]:3845/messages', '/figma/messages'],
    ['http://mcp.test/messages', '/figma/messages'],
    ['http://localhost:3845?id=1', '/figma/?id=1'],
    ['http://localhost:3845', '/figma/'],
    ['http://localhost:3846/messages', 'http://localhost:3846/messages'],
    ['http://localhost:3845.evil.example/x', 'http://localhost:3845.evil.example/x'],
    ['http://localhost:3845@evil.example/x', 'http://localhost:3845@evil.example/x'],
    ['https://other.example/messages', 'https://other.example/messages'],
    ['//other.example/messages', '//other.example/messages'],
    ['messages?id=1', 'messages?id=1'],
  ])('%s becomes %s', (endpoint, expected) => {
    expect(rewritten(`event: endpoint\ndata: ${endpoint}\n\n`)).toBe(
      `event: endpoint\ndata: ${expected}\n\n`,
    );
  });

  it('that is a URL loses its host without any prefix too', () => {
    expect(rewritten('event: endpoint\ndata: http://localhost:3845/m\n\n', [], '')).toBe(
      'event: endpoint\ndata: /m\n\n',
    );
  });

  it('is found however the stream is cut, whatever its line ends, behind comments', () => {
    const comments = fc.array(fc.constantFrom(':', ': ping', ''), { maxLength: 3 });
    const endpoint = fc.constantFrom('/messages?id=1', 'http://localhost:3845/messages?id=1');
    fc.assert(
      fc.property(comments, endpoint, fc.boolean(), eol, sizes, (before, path, space, end, cuts) => {
        const gap = space ? ' ' : '';
        const event = (data: string) =>
          [...before, `event:${gap}endpoint`, `data:${gap}${data}`, '', ''].join(end) + TAIL;
        expect(rewritten(event(path), cuts)).toBe(event('/figma/messages?id=1'));
      }),
    );
  });

  it('is the only thing that is ever changed', () => {
    const part = fc.constantFrom(
      'event:',
      'data:',
      ' ',
      'endpoint',
      'endpoin',
      'x',
      ':',
      '\r',
      '\n',
      'id: 1',
    );
    const text = fc
      .array(part, { maxLength: 30 })
      .map((parts) => parts.join(''))
      .filter((stream) => !/event: ?endpoint[\r\n]/.test(stream));
    fc.assert(
      fc.property(text, sizes, (stream, cuts) => {
        expect(rewritten(stream, cuts)).toBe(stream);
      }),
    );
  });

  it('holds back an event that may become it, and nothing else', () => {
    const rewriter = rewriterFor('/figma');
    const push = (text: string) => rewriter.push(Buffer.from(text)).toString();

    expect(push(': connected\n')).toBe(': connected\n');
    expect(push('event: endp')).toBe('');
    expect(push('oke\ndata: 1\n')).toBe('');
    expect(push('\n')).toBe('event: endpoke\ndata: 1\n\n');
    expect(push('data: {"jsonrpc"')).toBe('data: {"jsonrpc"');
    expect(push(':"2.0"}\r\n\r')).toBe(':"2.0"}\r\n\r');
    expect(push('\n')).toBe('\n');
    expect(push('event: endpoint\ndata: /m\n\ndata: x')).toBe('event: endpoint\ndata: /figma/m\n\ndata: x');
    expect(rewriter.done).toBe(true);
  });

  it('passes an event that is too long for one, and looks at the next', () => {
    const rewriter = rewriterFor('/figma');
    const long = Buffer.from(`event: endpoint\ndata: /${'x'.repeat(17_000)}`);

    expect(rewriter.push(long).equals(long)).toBe(true);
    expect(rewriter.push(Buffer.from('\n\nevent: endpoint\ndata: /m\n\n')).toString()).toBe(
      '\n\nevent: endpoint\ndata: /figma/m\n\n',
    );
  });

  it('is not looked for beyond 64 kB', () => {
    const rewriter = rewriterFor('/figma');
    for (let i = 0; i < 66; i++) rewriter.push(Buffer.from(`data: ${'x'.repeat(1_000)}\n\n`));

    expect(rewriter.done).toBe(true);
    const late = Buffer.from('event: endpoint\ndata: /m\n\n');
    expect(rewriter.push(late)).toBe(late);
  });

  it.each([
    ['id:abc-1\nevent:endpoint\ndata:/m?sid=1\n\n', 'id:abc-1\nevent:endpoint\ndata:/figma/m?sid=1\n\n'],
    ['event: endpoint\nid: 1\ndata: /m\n\n', 'event: endpoint\nid: 1\ndata: /figma/m\n\n'],
    ['data: /m\nevent: endpoint\n\n', 'data: /figma/m\nevent: endpoint\n\n'],
    [
      'event: ping\ndata: 1\n\nevent: endpoint\ndata: /m\n\n',
      'event: ping\ndata: 1\n\nevent: endpoint\ndata: /figma/m\n\n',
    ],
    ['event: endpoint\ndata: http://0.0.0.0:3845/m\n\n', 'event: endpoint\ndata: /figma/m\n\n'],
    [
      '\xef\xbb\xbfevent: endpoint\r\ndata: /m\r\n\r\n',
      '\xef\xbb\xbfevent: endpoint\r\ndata: /figma/m\r\n\r\n',
    ],
    [':hi\r\revent: endpoint\rdata: /m\r\r', ':hi\r\revent: endpoint\rdata: /figma/m\r\r'],
    [
      'retry: 5\nfoo\nevent: x\nevent: endpoint\ndata:  /m \n\n',
      'retry: 5\nfoo\nevent: x\nevent: endpoint\ndata: /figma/m\n\n',
    ],
    ['event: endpoint\ndata: /m\ndata: ?sid=1\n\n', 'event: endpoint\ndata: /figma/m?sid=1\n\n'],
    [
      'event: endpoint\n\nevent: endpoint\ndata: /m\n\n',
      'event: endpoint\n\nevent: endpoint\ndata: /figma/m\n\n',
    ],
    ['event: endpoint\ndata: /figma/m\n\n', 'event: endpoint\ndata: /figma/m\n\n'],
    ['event: endpoint \ndata: /m\n\n', 'event: endpoint \ndata: /m\n\n'],
    ['event: endpoint\ndata: /m\n', 'event: endpoint\ndata: /m\n'],
  ])('is found in %j, byte by byte too', (stream, expected) => {
    expect(rewritten(stream)).toBe(expected);
    expect(rewritten(stream, Array(stream.length).fill(1))).toBe(expected);
  });
});

describe('the boundary of events', () => {
  it('is where an empty line ended, however the stream is cut', () => {
    const part = fc.constantFrom('data: x', '\n', '\r', '\r\n', '\n\n', '\r\n\r\n', ':', 'y');
    const text = fc.array(part, { maxLength: 20 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, sizes, (stream, cuts) => {
        const boundary = new EventBoundary();
        for (const piece of pieces(stream, cuts)) boundary.see(piece);
        const lines = `\n\n${stream}`.split(/\r\n|\n|\r/);
        expect(boundary.reached).toBe(lines.at(-1) === '' && lines.at(-2) === '');
      }),
    );
  });
});
