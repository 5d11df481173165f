import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as v2 from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';

export interface ToolCall {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
}

export interface ClientRun {
  /** Names of the tools the server listed. */
  readonly tools: readonly string[];
  /** The text of the call's result. */
  readonly text: string;
}

export interface McpClient {
  readonly name: string;
  /** What the client can speak: `modern` is 2026-07-28, `legacy` Streamable HTTP with `initialize`. */
  readonly speaks: readonly ('modern' | 'legacy' | 'legacy-sse')[];
  /** Connects, lists the tools, calls one, and disconnects. `token` goes as a bearer header. */
  listToolsAndCall(url: URL, token: string | undefined, call: ToolCall): Promise<ClientRun>;
}

/** The clients people use, each as itself: nothing here imitates one. */
export const mcpClients: readonly McpClient[] = [
  {
    name: 'SDK v1',
    speaks: ['legacy'],
    listToolsAndCall: (url, token, call) =>
      runV1(new StreamableHTTPClientTransport(url, { requestInit: { headers: bearer(token) } }), call),
  },
  v2Client('SDK v2 legacy', ['legacy'], 'legacy'),
  v2Client('SDK v2 auto', ['modern', 'legacy'], 'auto'),
  v2Client('SDK v2 pinned', ['modern'], { pin: '2026-07-28' }),
  {
    name: 'mcp-remote',
    speaks: ['legacy', 'legacy-sse'],
    listToolsAndCall: runMcpRemote,
  },
  {
    name: 'SDK v1 over SSE',
    speaks: ['legacy-sse'],
    listToolsAndCall: (url, token, call) =>
      runV1(new SSEClientTransport(url, { requestInit: { headers: bearer(token) } }), call),
  },
];

function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { Authorization: `Bearer ${token}` };
}

async function runV1(
  transport: Transport | StreamableHTTPClientTransport,
  call: ToolCall,
): Promise<ClientRun> {
  const client = new Client({ name: 'tunneld-test', version: '1.0.0' });
  try {
    // The class and the interface disagree about `sessionId` under exactOptionalPropertyTypes.
    await client.connect(transport as Transport);
    const { tools } = await client.listTools();
    const result = await client.callTool({ name: call.name, arguments: call.arguments });
    return { tools: tools.map((tool) => tool.name), text: textOf(result) };
  } finally {
    await client.close();
  }
}

function v2Client(
  name: string,
  speaks: McpClient['speaks'],
  mode: 'legacy' | 'auto' | { readonly pin: '2026-07-28' },
): McpClient {
  return {
    name,
    speaks,
    async listToolsAndCall(url, token, call) {
      const client = new v2.Client(
        { name: 'tunneld-test', version: '1.0.0' },
        { versionNegotiation: { mode } },
      );
      try {
        await client.connect(
          new v2.StreamableHTTPClientTransport(url, { requestInit: { headers: bearer(token) } }),
        );
        const { tools } = await client.listTools();
        const result = await client.callTool({ name: call.name, arguments: call.arguments });
        return { tools: tools.map((tool) => tool.name), text: textOf(result) };
      } finally {
        await client.close();
      }
    },
  };
}

const MCP_REMOTE = fileURLToPath(new URL('../../node_modules/mcp-remote/dist/proxy.js', import.meta.url));

/** The shim that gives stdio-only clients a remote server, started as such a client starts it. */
async function runMcpRemote(url: URL, token: string | undefined, call: ToolCall): Promise<ClientRun> {
  // Its config folder holds credentials and lock files; the user's own is none of a test's business.
  const folder = await mkdtemp(path.join(tmpdir(), 'tunneld-mcp-remote-'));
  try {
    const headers = path.join(folder, 'headers.txt');
    await writeFile(headers, token === undefined ? '' : `Authorization: Bearer ${token}\n`, { mode: 0o600 });
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [MCP_REMOTE, url.href, '--header-file', headers],
      env: { PATH: process.env['PATH'] ?? '', HOME: folder, MCP_REMOTE_CONFIG_DIR: folder },
      stderr: 'ignore',
    });
    return await runV1(transport, call);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function textOf(result: object): string {
  if (!('content' in result) || !Array.isArray(result.content)) return '';
  const parts: readonly unknown[] = result.content;
  return parts.map((part) => (isText(part) ? part.text : '')).join('');
}

function isText(part: unknown): part is { readonly text: string } {
  return typeof part === 'object' && part !== null && 'text' in part && typeof part.text === 'string';
}
