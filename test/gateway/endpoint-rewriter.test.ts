import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EndpointRewriter } from '../../src/gateway/endpoint-rewriter.ts';
import { EventBoundary } from '../../src/gateway/event-stream.ts';

const NAMES = new Set(['localhost:3845', '127.0.0.1:3845', '[::1]:3845', 'mcp.test']);
const TAIL = 'event: endpoint\ndata: /second\n\ndata: x\n\n';

/** What comes out when `text` arrives in pieces of these sizes (the last takes the rest). */
function rewritten(text: string, sizes: readonly number[] = [], prefix = '/figma'): string {
  const rewriter = new EndpointRewriter(prefix, NAMES);
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

  it('holds back nothing but the line that may become it', () => {
    const rewriter = new EndpointRewriter('/figma', NAMES);
    const push = (text: string) => rewriter.push(Buffer.from(text)).toString();

    expect(push(': connected\n\n')).toBe(': connected\n\n');
    expect(push('event: endp')).toBe('');
    expect(push('oke\ndata: 1\n\n')).toBe('event: endpoke\ndata: 1\n\n');
    expect(push('event: endpoint\ndata: /m\n\n')).toBe('event: endpoint\ndata: /m\n\n');
  });

  it('of any length is held back up to 4 kB only', () => {
    const rewriter = new EndpointRewriter('/figma', NAMES);
    const endless = Buffer.from(`event: endpoint\ndata: /${'x'.repeat(5_000)}`);

    expect(rewriter.push(endless).equals(endless)).toBe(true);
  });
});

describe('the boundary of events', () => {
  it('is where an empty line ended, however the stream is cut', () => {
    const part = fc.constantFrom('data: x', '\n', '\r\n', '\n\n', '\r\n\r\n', ':', 'y');
    const text = fc.array(part, { maxLength: 20 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, sizes, (stream, cuts) => {
        const boundary = new EventBoundary();
        for (const piece of pieces(stream, cuts)) boundary.see(piece);
        const ended = /(?:\n\n|\r\n\r\n)$/.test(`\n\n${stream}`);
        expect(boundary.reached).toBe(ended);
      }),
    );
  });
});
