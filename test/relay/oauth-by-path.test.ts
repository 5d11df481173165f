import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type OAuthClientProvider, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { expect, it, onTestFinished } from 'vitest';
import { openGateway, startRelay } from './relay-harness.ts';

it('a client finds and uses the OAuth of a server behind /figma, by what it is told of its public URL', async () => {
  const upstream = await startServerWithOAuth();
  const relay = await startRelay({ enforceAccess: true });
  const gateway = openGateway(upstream.port);
  const link = await relay.link('figma', (exchange) => gateway.accept(exchange));
  gateway.setPublicUrl(link.publicUrl);

  const signIn = new SignIn();
  const url = new URL(`${relay.url}/figma/mcp`);
  const first = new StreamableHTTPClientTransport(url, { authProvider: signIn });
  await expect(connect(first)).rejects.toBeInstanceOf(UnauthorizedError);
  expect(signIn.redirectedTo?.href).toMatch(new RegExp(`^${relay.url}/figma/authorize\\?`));
  // What a browser would bring back.
  await first.finishAuth('a-code');
  const client = await connect(new StreamableHTTPClientTransport(url, { authProvider: signIn }));
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['hello']);
  await client.close();

  expect(upstream.asked).toEqual(
    expect.arrayContaining([
      'GET /.well-known/oauth-protected-resource/mcp',
      'GET /.well-known/oauth-authorization-server',
      'POST /register',
      'POST /token',
    ]),
  );
});

/** Remembers what it is given, and where it was sent. */
class SignIn implements OAuthClientProvider {
  readonly redirectUrl = 'http://localhost/callback';
  readonly clientMetadata = { client_name: 'test', redirect_uris: ['http://localhost/callback'] };
  redirectedTo: URL | undefined;
  #client: { client_id: string } | undefined;
  #tokens: OAuthTokens | undefined;
  #verifier = '';

  clientInformation() {
    return this.#client;
  }

  saveClientInformation(client: { client_id: string }) {
    this.#client = client;
  }

  tokens() {
    return this.#tokens;
  }

  saveTokens(tokens: OAuthTokens) {
    this.#tokens = tokens;
  }

  redirectToAuthorization(url: URL) {
    this.redirectedTo = url;
  }

  saveCodeVerifier(verifier: string) {
    this.#verifier = verifier;
  }

  codeVerifier() {
    return this.#verifier;
  }
}

async function connect(transport: StreamableHTTPClientTransport): Promise<Client> {
  const client = new Client({ name: 'test', version: '1.0.0' });
  await client.connect(transport as Transport);
  return client;
}

/** An MCP server with an authorization server of its own, whose URLs are made from the forwarded headers. */
async function startServerWithOAuth(): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    void serve(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, asked };
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { headers } = request;
  const base = `${headers['x-forwarded-proto']}://${headers['x-forwarded-host']}${headers['x-forwarded-prefix']}`;
  const json = (status: number, body: object) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  switch (request.url) {
    case '/.well-known/oauth-protected-resource/mcp':
      json(200, { resource: `${base}/mcp`, authorization_servers: [base] });
      return;
    case '/.well-known/oauth-authorization-server':
      json(200, {
        issuer: base,
        authorization_endpoint: `${base}/authorize`,
        token_endpoint: `${base}/token`,
        registration_endpoint: `${base}/register`,
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
      });
      return;
    case '/register':
      json(201, { client_id: 'a-client', redirect_uris: ['http://localhost/callback'] });
      return;
    case '/token':
      json(200, { access_token: 'a-token', token_type: 'Bearer' });
      return;
    case '/mcp':
      if (headers.authorization === 'Bearer a-token') await answerMcp(request, response);
      else response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
      return;
    default:
      json(404, { error: 'not_found' });
  }
}

async function answerMcp(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const server = new McpServer({ name: 'test', version: '1.0.0' });
  server.registerTool('hello', {}, () => ({ content: [{ type: 'text', text: 'hello' }] }));
  const transport = new StreamableHTTPServerTransport({});
  await server.connect(transport as Transport);
  await transport.handleRequest(request, response);
}
