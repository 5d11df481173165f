import { describe, expect, it } from 'vitest';
import type { Exchange } from '../../src/core/exchange.ts';
import { Flow } from '../../src/core/exchange.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { REFUSED_ANSWER_HEADS } from '../http1/corpus/answers.ts';
import { REFUSED_CHUNKS } from '../http1/corpus/bodies.ts';
import { REFUSED_HEADS } from '../http1/corpus/requests.ts';
import { connectTo } from '../http1/raw-client.ts';
import { dialRawAgent } from './raw-agent.ts';
import { say, startRelay } from './relay-harness.ts';

/** What must never be read as a request of its own. */
const CANARY = 'GET /figma/smuggled HTTP/1.1\r\nHost: a\r\n\r\n';

async function openRelay() {
  const relay = await startRelay();
  const reached: string[] = [];
  const bodies: string[] = [];
  await relay.link('figma', (exchange: Exchange) => {
    reached.push(exchange.request.target);
    let body = '';
    exchange.readBody({
      data(chunk) {
        body += chunk.toString('latin1');
        return Flow.consumed;
      },
      end() {
        bodies.push(body);
        say('whole')(exchange);
      },
      abort: (reason) => bodies.push(`aborted: ${reason}`),
    });
  });
  return { relay, visitor: connectTo(relay.port), reached, bodies };
}

describe('the relay’s public port refuses, and reads nothing after, a head with', () => {
  it.each(REFUSED_HEADS)('%s', async (_what, text, reason, status = 400) => {
    const { visitor, reached } = await openRelay();
    visitor.send(`${text.replace(/^(\w+) \/ /, '$1 /figma/ ')}\r\n\r\nabc${CANARY}`);
    const answer = await visitor.untilEnd();
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`]);
    expect(answer).toContain(`x-tunneld-relay: ${reason}\r\n`);
    expect(reached).toEqual([]);
  });

  it('more bytes than are allowed, and lines without an end', async () => {
    const { relay, reached } = await openRelay();
    for (const bytes of ['x'.repeat(40_000), 'X: y\r\n'.repeat(5_000)]) {
      const visitor = connectTo(relay.port);
      visitor.send(`GET /figma/ HTTP/1.1\r\nHost: a\r\nX: ${bytes}`);
      expect(await visitor.untilEnd()).toMatch(/^HTTP\/1\.1 431 /);
    }
    expect(reached).toEqual([]);
  });
});

describe('a body at the relay’s public port', () => {
  const POST = 'POST /figma/ HTTP/1.1\r\nHost: a\r\n';

  it.each(REFUSED_CHUNKS)(
    'with %s reaches nobody as a whole, nor does what follows',
    async (_what, bytes) => {
      const { visitor, reached, bodies } = await openRelay();
      visitor.send(`${POST}Transfer-Encoding: chunked\r\n\r\n${bytes}${CANARY}`);
      const answer = await visitor.untilEnd();
      expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400']);
      await waitFor(() => bodies.length === reached.length);
      expect(reached).not.toContain('/smuggled');
      for (const body of bodies) expect(body).toMatch(/^aborted/);
    },
  );

  it('shorter than declared is not whole', async () => {
    const { visitor, bodies } = await openRelay();
    visitor.send(`${POST}Content-Length: 10\r\n\r\nhalf`);
    visitor.socket.end();
    await waitFor(() => bodies.length === 1);
    expect(bodies).toEqual(['aborted: caller-gone']);
  });

  it('longer than declared is cut where it was declared to end, and the rest is no request', async () => {
    const { visitor, reached, bodies } = await openRelay();
    visitor.send(`${POST}Content-Length: 3\r\n\r\nabcd${CANARY}`);
    expect((await visitor.untilEnd()).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
    expect([bodies, reached]).toEqual([['abc'], ['/']]);
  });
});

describe('an agent that means harm reaches no visitor but its own, with', () => {
  const ask = async (respond: (agent: Awaited<ReturnType<typeof dialRawAgent>>, id: number) => void) => {
    const relay = await startRelay();
    const agent = await dialRawAgent(relay.port, 'figma');
    await relay.link('other', say('the other tunnel'));
    const visitor = connectTo(relay.port);
    visitor.send('GET /figma/ HTTP/1.1\r\nHost: a\r\n\r\n');
    const request = await waitFor(() => agent.requests[0]);
    respond(agent, request.id);
    return { relay, agent, visitor };
  };

  it.each(REFUSED_ANSWER_HEADS)('%s', async (_what, head) => {
    const { visitor } = await ask((agent, id) => agent.respond(id, head, 'evil', true));
    await visitor.until('}');
    visitor.send('GET /other/ HTTP/1.1\r\nHost: a\r\n\r\n');
    const answers = await visitor.until('the other tunnel');
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 502', 'HTTP/1.1 200']);
    expect(answers).toContain('x-tunneld-relay: bad-answer\r\n');
    expect(answers).not.toMatch(/evil/i);
  });

  it.each([
    [
      'a second answer in its head',
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nX: evil',
      '',
    ],
    ['a second answer in a value', 'HTTP/1.1 200 OK\r\nX: y\r\n\r\nevil', ''],
  ])('%s', async (_what, head, body) => {
    const { visitor } = await ask((agent, id) => agent.respond(id, head, body, true));
    expect(await visitor.until('}')).toMatch(/^HTTP\/1\.1 502 /);
    expect(visitor.received).not.toContain('evil');
  });

  it('more bytes than it declared: the connection ends where they begin', async () => {
    const evil = 'okHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';
    const { visitor } = await ask((agent, id) =>
      agent.respond(id, 'HTTP/1.1 200 OK\r\nContent-Length: 2', evil, true),
    );
    expect(await visitor.untilEnd()).not.toContain('evil');
  });

  it('fewer bytes than it declared: the connection ends', async () => {
    const { visitor } = await ask((agent, id) => {
      agent.respond(id, 'HTTP/1.1 200 OK\r\nContent-Length: 10', 'half', false);
      agent.data(id, '!', true);
    });
    await visitor.untilEnd();
    visitor.send('GET /other/ HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(visitor.received).not.toContain('the other');
  });

  it('a body where there is none: it is dropped, not read as the next answer', async () => {
    const { visitor } = await ask((agent, id) => {
      agent.respond(id, 'HTTP/1.1 204 No Content', 'HTTP/1.1 200 OK\r\n\r\nevil', true);
    });
    await visitor.until(' 204 ');
    visitor.send('GET /other/ HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await visitor.until('the other tunnel')).not.toContain('evil');
  });

  it('two answers', async () => {
    const { visitor, agent } = await ask((agent, id) => {
      agent.respond(id, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked', 'one', false);
      agent.respond(id, 'HTTP/1.1 200 OK\r\nContent-Length: 4', 'evil', false);
    });
    expect(await visitor.untilEnd()).not.toContain('evil');
    await waitFor(() => agent.resets.length === 1);
  });
});
