import { EndpointRewriter } from '../../src/gateway/endpoint-rewriter.ts';
import { EventBoundary, KEEP_ALIVE_COMMENT } from '../../src/http1/event-stream.ts';
import { cut, type Random, several } from './random.ts';
import { same, type Target } from './target.ts';

/** The first endpoint is led back, nothing else of the stream is another to whoever reads it. */
export const endpoints: Target = {
  name: 'endpoint events',
  perThousand: 1_000,
  run(random) {
    // An event with JSON is not held, so that it is none.
    const stream = made(
      random,
      PARTS.filter((part) => !part.includes('{')),
    );
    const rewriter = new EndpointRewriter((endpoint) => `/figma${endpoint}`);
    const out = cut(random, stream).map((piece) => Buffer.from(rewriter.push(piece)));
    const led = Buffer.concat([...out, rewriter.flush()]).toString('latin1');
    const expected = eventsIn(stream.toString('latin1'));
    const first = expected.find(({ type }) => type === 'endpoint');
    if (first !== undefined) first.data = `/figma${first.data}`.replaceAll('\n', '');
    const read = eventsIn(led);
    const again = read.find(({ type }) => type === 'endpoint');
    if (again !== undefined) again.data = again.data.replaceAll('\n', '');
    same(`events of ${JSON.stringify(stream.toString('latin1'))}`, read, expected);
  },
};

/** A comment put in where the boundary is changes no event. */
export const comments: Target = {
  name: 'comments in event streams',
  perThousand: 1_000,
  run(random) {
    const stream = made(random);
    const boundary = new EventBoundary();
    const out: Buffer[] = [];
    for (const piece of cut(random, stream)) {
      if (out.length > 0 && boundary.reached) out.push(KEEP_ALIVE_COMMENT);
      out.push(piece);
      boundary.see(piece);
    }
    const text = stream.toString('latin1');
    same(
      `events of ${JSON.stringify(text)}`,
      eventsIn(Buffer.concat(out).toString('latin1')),
      eventsIn(text),
    );
  },
};

function made(random: Random, parts: readonly string[] = PARTS): Buffer {
  const text = several(random, parts, 24).join('');
  return Buffer.from(random(8) === 0 ? `\xef\xbb\xbf${text}` : text, 'latin1');
}

const PARTS = [
  'event: endpoint',
  'event:endpoint',
  'event: ping',
  'event',
  'data: /m?sid=1',
  'data:/m',
  'data',
  'data: ',
  'data: {"a":1}',
  'id: 7',
  'id',
  'retry: 5',
  ': comment',
  ':',
  'x',
  ' ',
  '\n',
  '\n',
  '\n',
  '\r\n',
  '\r\n',
  '\r',
  '\n\n',
  '\r\n\r\n',
  '\r\r',
];

/** As the HTML standard reads an event stream (section 9.2.6). */
function eventsIn(stream: string): { type: string; data: string; id: string }[] {
  const events: { type: string; data: string; id: string }[] = [];
  let [type, data, id] = ['', '', ''];
  const lines = stream.replace(/^\xef\xbb\xbf/, '').split(/\r\n|\n|\r/);
  // What has no end is no line.
  for (const line of lines.slice(0, -1)) {
    if (line === '') {
      if (data !== '') events.push({ type: type || 'message', data: data.slice(0, -1), id });
      [type, data] = ['', ''];
      continue;
    }
    const colon = line.indexOf(':');
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') type = value;
    else if (field === 'data') data += `${value}\n`;
    else if (field === 'id') id = value;
  }
  return events;
}
