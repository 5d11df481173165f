import {
  askLocal,
  headerObject,
  type OldClient,
  type OldClientOptions,
  registerOldClient,
} from './old-client.ts';

const CHUNK_BYTES = 65_536;

/** mcp-tunnel 0.2: every message has its `kind`, and answers stream. */
export function startClientP2(options: OldClientOptions & { localPort: number }): Promise<OldClient> {
  const running = new Map<string, AbortController>();
  return registerOldClient(options, (message, client) => {
    const id = String(message['id']);
    if (message['kind'] === 'cancel') running.get(id)?.abort();
    if (message['kind'] !== 'request') return;
    const abort = new AbortController();
    running.set(id, abort);
    void stream(options.localPort, message, abort.signal, (kind, fields) =>
      client.send({ kind, id, ...fields }),
    ).finally(() => running.delete(id));
  });
}

async function stream(
  port: number,
  message: Record<string, unknown>,
  signal: AbortSignal,
  send: (kind: string, fields: object) => void,
): Promise<void> {
  let response: Awaited<ReturnType<typeof askLocal>>;
  try {
    response = await askLocal(port, message, signal);
  } catch (error) {
    send('response_error', { message: `upstream error: ${(error as Error).message}` });
    return;
  }
  send('response_head', { status: response.statusCode, headers: headerObject(response) });
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      for (let at = 0; at < part.length; at += CHUNK_BYTES) {
        const data = part.subarray(at, at + CHUNK_BYTES).toString('base64');
        send('response_chunk', { data, last: false });
      }
    }
  } catch {
    // A failure in the middle looks like an end; so does a cancelled request.
  }
  send('response_chunk', { data: '', last: true });
}
