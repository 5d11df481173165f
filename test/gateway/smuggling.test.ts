import type { Server } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { REFUSED_ANSWER_HEADS } from '../http1/corpus/answers.ts';
import { REFUSED_CHUNKS } from '../http1/corpus/bodies.ts';
import { REFUSED_HEADS } from '../http1/corpus/requests.ts';
import { BEARER, Bench, bodyOf, portOf, startHttp, startRaw, stop } from './setup.ts';

async function inFrontOf(server: Server | Awaited<ReturnType<typeof startRaw>>): Promise<Bench> {
  const bench = await new Bench(portOf(server)).listen();
  onTestFinished(async () => {
    await bench.end();
    await stop(server);
  });
  return bench;
}

/** A gateway in front of a real server, and what that server was asked. */
async function openGateway() {
  const reached: string[] = [];
  const server = await startHttp((request, response) => {
    request.resume();
    // An aborted body never ends: what is here was whole.
    request.on('end', () => reached.push(`${request.method} ${request.url}`));
    response.end('whole');
  });
  const bench = await inFrontOf(server);
  const canary = `GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1:${bench.port}\r\n${BEARER}\r\n`;
  return { bench, reached, canary };
}

describe('the gateway’s port refuses, and lets the server see nothing of, a head with', () => {
  it.each(REFUSED_HEADS)('%s', async (_what, text, reason, status = 400) => {
    const { bench, reached, canary } = await openGateway();
    const client = bench.connect();
    client.send(
      `${text.replaceAll('Host: a', `Host: 127.0.0.1:${bench.port}`)}\r\n${BEARER}\r\nabc${canary}`,
    );
    const answer = await client.untilEnd();
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`]);
    expect(answer).toContain(`x-tunneld-reason: ${reason}\r\n`);
    expect(reached).toEqual([]);
  });
});

describe('a body at the gateway’s port', () => {
  it.each(REFUSED_CHUNKS)(
    'with %s reaches the server as a whole never, nor does what follows',
    async (_what, bytes) => {
      const { bench, reached, canary } = await openGateway();
      const client = bench.send('POST /', `${BEARER}Transfer-Encoding: chunked\r\n`, bytes + canary);
      const answer = await client.untilEnd();
      expect(answer).not.toMatch(/HTTP\/1\.1 .*HTTP\/1\.1 /s);
      expect(reached).toEqual([]);
    },
  );

  it('longer than declared is cut where it was declared to end, and the rest is no request', async () => {
    const { bench, reached, canary } = await openGateway();
    const client = bench.send('POST /', `${BEARER}Content-Length: 3\r\n`, `abcd${canary}`);
    const answer = await client.untilEnd();
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
    expect(reached).toEqual(['POST /']);
  });
});

describe('a server that means harm gets its caller a 502 for', () => {
  it.each(REFUSED_ANSWER_HEADS)('%s', async (_what, head) => {
    const server = await startRaw((socket) => {
      socket.on('data', () => socket.write(`${head}\r\n\r\nevil`, 'latin1'));
      socket.on('end', () => socket.end());
    });
    const bench = await inFrontOf(server);
    const answer = await bench.ask('GET /');
    expect(answer).toMatch(/^HTTP\/1\.1 502 /);
    expect(answer).not.toMatch(/evil/i);
  });

  it.each(REFUSED_CHUNKS)('a body with %s, or cuts it', async (_what, bytes) => {
    const server = await startRaw((socket) => {
      socket.once('data', () =>
        socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${bytes}`, 'latin1'),
      );
      socket.on('end', () => socket.end());
    });
    const bench = await inFrontOf(server);
    const answer = await bench.ask('GET /');
    if (answer.startsWith('HTTP/1.1 200 ')) expect(bodyOf(answer)).not.toMatch(/(?:^|\r\n)0\r\n\r\n$/);
    else expect(answer).toMatch(/^HTTP\/1\.1 502 |^$/);
  });
});
