/** Bodies without end both ways, a count of what arrived, small calls, and events that say when they left. */
import http from 'node:http';
import { announce } from './announce.ts';

const PIECE = Buffer.alloc(65_536, 'b');
const EVENT_EVERY_MS = 20;
let received = 0;

const server = http.createServer((request, response) => {
  const path = new URL(request.url ?? '/', 'http://origin').pathname;
  if (path === '/down') {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    const send = () => {
      while (!response.destroyed && response.write(PIECE));
    };
    response.on('drain', send);
    send();
  } else if (path === '/up') {
    request.on('error', () => {});
    request.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
  } else if (path === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    // CLOCK_MONOTONIC is one clock for all processes of a machine.
    const timer = setInterval(() => response.write(`data: ${process.hrtime.bigint()}\n\n`), EVENT_EVERY_MS);
    response.on('close', () => clearInterval(timer));
  } else {
    request.resume();
    response.end(path === '/received' ? String(received) : 'ok');
  }
});
server.keepAliveTimeout = 300_000;
announce(server);
