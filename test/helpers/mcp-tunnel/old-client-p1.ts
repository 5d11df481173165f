import {
  askLocal,
  headerObject,
  type OldClient,
  type OldClientOptions,
  registerOldClient,
} from './old-client.ts';

/** mcp-tunnel 0.1 and mcpr up to 0.5.43: one message for a whole answer, `kind` unknown to it. */
export function startClientP1(options: OldClientOptions & { localPort: number }): Promise<OldClient> {
  return registerOldClient(options, (message, client) => {
    // A request is known by its fields alone; what lacks one is skipped.
    const { id, method, path, headers, body } = message;
    const complete = [id, method, path].every((field) => typeof field === 'string');
    if (!complete || typeof headers !== 'object' || (typeof body !== 'string' && body != null)) return;
    void answer(options.localPort, message).then((response) => client.send({ id, ...response }));
  });
}

async function answer(port: number, message: Record<string, unknown>): Promise<object> {
  try {
    const response = await askLocal(port, message, AbortSignal.timeout(30_000));
    const parts: Buffer[] = [];
    try {
      for await (const part of response) parts.push(part as Buffer);
    } catch {
      parts.length = 0;
    }
    const body = Buffer.concat(parts);
    return {
      status: response.statusCode,
      headers: headerObject(response),
      body: body.length === 0 ? null : body.toString('base64'),
    };
  } catch {
    return { status: 502, headers: {}, body: Buffer.from('upstream error').toString('base64') };
  }
}
