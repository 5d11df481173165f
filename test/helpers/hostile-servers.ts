import { once } from 'node:events';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { makeCertificate } from './certificate.ts';
import { listen, type StartOptions, type TestServer } from './mcp-servers.ts';

/** An HTTPS server where plain HTTP is expected. */
export async function startTls(options: StartOptions = {}): Promise<TestServer> {
  const server = https.createServer(makeCertificate(), (_request, response) => {
    response
      .writeHead(200, { 'Content-Type': 'application/json' })
      .end('{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Server not initialized"}}');
  });
  // Plain HTTP on a TLS port is what this server is for.
  server.on('tlsClientError', () => undefined);
  return serve(server, options, 'https:');
}

/** Speaks first, and not HTTP. */
export function startNotHttp(options: StartOptions = {}): Promise<TestServer> {
  return startTcp((socket) => socket.end('SSH-2.0-OpenSSH_9.2p1\r\n'), options);
}

/** Accepts connections, reads, and never says a word. */
export function startMute(options: StartOptions = {}): Promise<TestServer> {
  return startTcp((socket) => socket.resume(), options);
}

/** Closes every connection as soon as something arrives. */
export function startHangUp(options: StartOptions = {}): Promise<TestServer> {
  return startTcp((socket) => socket.once('data', () => socket.destroy()), options);
}

/** A web application that knows no MCP path: every request is an HTML 404. */
export function startHtml404(options: StartOptions = {}): Promise<TestServer> {
  return startFixed(404, { 'Content-Type': 'text/html' }, '<pre>Cannot POST /mcp</pre>', options);
}

/** A server with an authorization of its own. */
export function startUnauthorized(options: StartOptions = {}): Promise<TestServer> {
  const headers = { 'WWW-Authenticate': 'Bearer realm="mcp"', 'Content-Type': 'application/json' };
  return startFixed(401, headers, '{"error":"invalid_token"}', options);
}

/** Always the same answer, whatever was asked. */
export function startFixed(
  status: number,
  headers: Record<string, string>,
  body: string,
  options: StartOptions = {},
): Promise<TestServer> {
  return listen((request, response) => {
    request.resume().on('end', () => response.writeHead(status, headers).end(body));
  }, options);
}

/** Like the SDK's DNS rebinding guard: answers only to the given Host. */
export function startHostChecking(host: string, options: StartOptions = {}): Promise<TestServer> {
  return listen((request, response) => {
    request.resume().on('end', () => {
      const wrong = request.headers.host !== host;
      response
        .writeHead(wrong ? 403 : 400, { 'Content-Type': 'application/json' })
        .end(
          `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"${wrong ? `Invalid Host: ${request.headers.host}` : 'Server not initialized'}"}}`,
        );
    });
  }, options);
}

function startTcp(onSocket: (socket: net.Socket) => void, options: StartOptions): Promise<TestServer> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  return serve(server, options, 'http:');
}

async function serve(server: net.Server, options: StartOptions, protocol: string): Promise<TestServer> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    port,
    url: new URL(`${protocol}//127.0.0.1:${port}/mcp`),
    requests: [],
    sessions: () => undefined,
    sessionsOpened: () => undefined,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
