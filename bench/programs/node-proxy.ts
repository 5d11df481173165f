/** The proxy one would write in an afternoon: node:http in front, undici behind, a token check. */
import http from 'node:http';
import { Pool } from 'undici';
import { announce } from './announce.ts';

const origin = `http://127.0.0.1:${process.env['ORIGIN_PORT']}`;
const expected = `Bearer ${process.env['BENCH_TOKEN']}`;
const pool = new Pool(origin, { connections: null, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });

const server = http.createServer((request, response) => {
  if (request.headers.authorization !== expected) {
    response.writeHead(401).end();
    return;
  }
  const { connection: _, host, ...headers } = request.headers;
  const hasBody = request.method !== 'GET' && request.method !== 'HEAD';
  pool.stream(
    {
      path: request.url ?? '/',
      method: request.method as 'GET',
      headers: { ...headers, 'x-forwarded-for': request.socket.remoteAddress, 'x-forwarded-host': host },
      body: hasBody ? request : null,
    },
    ({ statusCode, headers: answer }) => {
      const { connection: __, 'keep-alive': ___, ...rest } = answer;
      response.writeHead(statusCode, rest);
      response.flushHeaders();
      return response;
    },
    (error) => {
      if (error !== null) response.destroy();
    },
  );
});

server.keepAliveTimeout = 300_000;
announce(server);
