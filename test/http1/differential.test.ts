import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Flow } from '../../src/core/exchange.ts';
import { createBodyDecoder } from '../../src/http1/create-body-decoder.ts';
import { Http1Error } from '../../src/http1/http1-error.ts';
import { parseRequestHead } from '../../src/http1/request-head.ts';
import { parseResponseHead } from '../../src/http1/response-head.ts';
import type { Reading } from '../fuzz/http1/readings.ts';
import { Samples } from '../fuzz/http1/samples.ts';
import { seededRandom } from '../fuzz/random.ts';

const CASES = 3_000;
const seed = Number(process.env['TUNNELD_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
const random = seededRandom(seed);
const samples = new Samples(random);

/**
 * llhttp is what most of the servers behind a tunnel parse with. What it refuses we must refuse, and
 * what both accept must mean the same to both.
 */
describe(`against node:http (seed ${seed})`, () => {
  const server = http.createServer({
    insecureHTTPParser: false,
    requireHostHeader: true,
    maxHeaderSize: 65_536,
  });
  let port = 0;
  let seen: Reading[] = [];

  beforeAll(async () => {
    server.on('request', (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        seen.push({
          start: `${request.method} ${request.url}`,
          headers: request.rawHeaders,
          body: Buffer.concat(parts).toString('latin1'),
        });
        response.shouldKeepAlive = false;
        response.end();
      });
    });
    server.on('checkExpectation', (_request, response) => response.writeHead(417).end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });

  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  it('never accepts a request it refuses, and reads the others alike', async () => {
    let accepted = 0;
    for (let i = 0; i < CASES; i++) {
      const wire = samples.mutate(samples.request(), i % 4 === 0 ? 0 : 1 + random(3));
      const ours = readRequest(wire);
      if (ours === undefined) continue;
      accepted++;
      const theirs = await ask(wire);
      expect({ wire, reading: ours }).toEqual({ wire, reading: theirs });
    }
    // A fuzz that only makes garbage, or only good requests, shows nothing.
    expect(accepted).toBeGreaterThan(CASES / 10);
    expect(accepted).toBeLessThan(CASES * 0.9);
  });

  async function ask(wire: string): Promise<Reading | undefined> {
    seen = [];
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    socket.end(Buffer.from(wire, 'latin1'));
    await once(socket, 'close');
    return seen[0];
  }
});

describe(`against node:http as a client (seed ${seed})`, () => {
  it('never accepts a response it refuses, and reads the others alike', async () => {
    let wire = '';
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(Buffer.from(wire, 'latin1')));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    let accepted = 0;
    for (let i = 0; i < CASES / 3; i++) {
      wire = samples.mutate(samples.response(), i % 4 === 0 ? 0 : 1 + random(2));
      const ours = readResponse(wire);
      if (ours === undefined) continue;
      accepted++;
      const theirs = await get(port);
      expect({ wire, reading: ours }).toEqual({ wire, reading: theirs });
    }
    server.close();
    await once(server, 'close');
    expect(accepted).toBeGreaterThan(CASES / 30);
  });

  function get(port: number): Promise<Reading | undefined> {
    return new Promise((resolve) => {
      const request = http.get({ port, host: '127.0.0.1', agent: false }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', () => resolve(undefined));
        response.on('end', () =>
          resolve({
            start: `${response.statusCode} ${response.statusMessage}`,
            headers: response.rawHeaders,
            body: Buffer.concat(parts).toString('latin1'),
          }),
        );
      });
      request.on('error', () => resolve(undefined));
    });
  }
});

/** Our reading of exactly one request; undefined when we refuse it or it is not complete. */
function readRequest(wire: string): Reading | undefined {
  const end = wire.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  try {
    const head = parseRequestHead(wire.slice(0, end));
    const body = readBody(Buffer.from(wire.slice(end + 4), 'latin1'), createBodyDecoder(head.framing), false);
    // llhttp knows a list of methods; a tunnel has no reason to.
    if (!http.METHODS.includes(head.method)) return undefined;
    // Absolute targets are reduced by us on purpose; node:http leaves that to the application.
    if (body === undefined || !wire.startsWith(`${head.method} ${head.target} `)) return undefined;
    return { start: `${head.method} ${head.target}`, headers: head.lines, body };
  } catch (error) {
    if (error instanceof Http1Error) return undefined;
    throw error;
  }
}

function readResponse(wire: string): Reading | undefined {
  const end = wire.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  try {
    const head = parseResponseHead(wire.slice(0, end), 'GET');
    if (head.status < 200) return undefined;
    const decoder = createBodyDecoder(head.framing, head.delimitedByClose);
    const body = readBody(Buffer.from(wire.slice(end + 4), 'latin1'), decoder, head.delimitedByClose);
    return body === undefined
      ? undefined
      : { start: `${head.status} ${head.reason}`, headers: head.lines, body };
  } catch (error) {
    if (error instanceof Http1Error) return undefined;
    throw error;
  }
}

function readBody(
  bytes: Buffer,
  decoder: ReturnType<typeof createBodyDecoder>,
  untilClose: boolean,
): string | undefined {
  let body = '';
  const next = decoder.read(bytes, 0, (part) => {
    body += part.toString('latin1');
    return Flow.consumed;
  });
  // Bytes left over are a second message: not this test's subject.
  return (decoder.done || untilClose) && next === bytes.length ? body : undefined;
}
