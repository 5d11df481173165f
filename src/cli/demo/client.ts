import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { VERSION } from '../../core/version.ts';

/** The official client, as any user of the public URL would set it up. */
export async function connectClient(url: string, token: string, signal: AbortSignal): Promise<Client> {
  const client = new Client({ name: 'tunneld-demo', version: VERSION });
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { Authorization: `Bearer ${token}` } },
  });
  await client.connect(transport, { signal });
  return client;
}

export async function listTools(client: Client, signal: AbortSignal): Promise<readonly string[]> {
  const { tools } = await client.listTools({}, { signal });
  return tools.map((tool) => tool.name);
}

export interface DemoProgress {
  readonly progress: number;
  readonly total: number | undefined;
  /** From the server's sending to our receiving (milliseconds); both clocks are this machine's. */
  readonly delayMs: number;
}

export async function callCount(
  client: Client,
  to: number,
  signal: AbortSignal,
  onProgress: (progress: DemoProgress) => void,
): Promise<string> {
  const call = { name: 'count', arguments: { to } };
  const { content } = await client.callTool(call, {
    signal,
    // The sample server's message is the time of sending.
    onprogress: ({ progress, total, message }) =>
      onProgress({ progress, total, delayMs: Date.now() - Date.parse(message ?? '') }),
  });
  return content.map((part) => (part.type === 'text' ? part.text : part.type)).join(' ');
}

/** What a stranger who only knows the URL gets. */
export async function statusWithoutToken(url: string, signal: AbortSignal): Promise<number> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
    signal,
  });
  await response.body?.cancel();
  return response.status;
}
