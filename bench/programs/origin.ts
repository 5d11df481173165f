/** The server behind everything: event streams and uploads always, the rest where nginx is absent. */
import http from 'node:http';
import { announce } from './announce.ts';

const BULK = Buffer.alloc(10 * 1024 * 1024, 'b');
const CHUNK = BULK.subarray(0, 65_536);
const SMALL_GET = 'g'.repeat(200);
const SMALL_POST = 'p'.repeat(2_048);
const EVENT_EVERY_MS = 10;

const listeners = new Set<http.ServerResponse>();
const idle = new Set<http.ServerResponse>();

const server = http.createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://origin');
  if (pathname === '/sse' || pathname === '/idle') {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    response.write(': open\n\n');
    const kind = pathname === '/sse' ? listeners : idle;
    kind.add(response);
    response.on('close', () => kind.delete(response));
    return;
  }
  if (pathname === '/endless') {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    const more = () => {
      while (response.writable && response.write(CHUNK));
    };
    response.on('drain', more);
    more();
    return;
  }
  // A server that hangs with the request half read.
  if (pathname === '/stuck') return;
  if (pathname === '/end-idle') for (const open of idle) open.end();
  request.resume();
  request.on('end', () => {
    const body = pathname === '/bulk' ? BULK : request.method === 'POST' ? SMALL_POST : SMALL_GET;
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  });
});

// Each stream's events leave at their own moment of the interval, as streams of the world do.
let turn = 0;
setInterval(() => {
  turn = (turn + 1) % EVENT_EVERY_MS;
  let index = 0;
  for (const response of listeners) {
    // CLOCK_MONOTONIC is one clock for all processes of a machine.
    if (index % EVENT_EVERY_MS === turn) response.write(`data: ${process.hrtime.bigint()}\n\n`);
    index += 1;
  }
}, 1);

server.keepAliveTimeout = 300_000;
announce(server);
