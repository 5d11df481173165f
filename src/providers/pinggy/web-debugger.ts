import { get } from 'node:http';

const LARGEST_ANSWER = 64 * 1024;

/**
 * Asks Pinggy's web debugger for the tunnel's URLs. The answer comes from the edge through the
 * session's own connection, so it also proves that the session is alive.
 *
 * @param timeoutMs for the whole answer.
 * @returns the https URLs, in the edge's order; empty when there is no tunnel (yet, or any more).
 * @throws when nothing, or nothing sensible, answers. `code` is `ECONNREFUSED` when nothing listens.
 * @see https://pinggy.io/docs/web_debugger_api/
 */
export async function fetchTunnelUrls(
  port: number,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<readonly URL[]> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const abort = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
  const answer: unknown = JSON.parse(await body(port, abort));
  const urls = typeof answer === 'object' && answer !== null && 'urls' in answer ? answer.urls : undefined;
  if (!Array.isArray(urls)) throw new Error('The web debugger gave no list of URLs');
  return urls.map(httpsUrl).filter((url) => url !== undefined);
}

function body(port: number, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    // No kept connections: each would hold a channel through the tunnel.
    const request = get({ host: '127.0.0.1', port, path: '/urls', agent: false, signal }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > LARGEST_ANSWER) response.destroy(new Error('The web debugger answers without end'));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString());
        else reject(new Error(`The web debugger answered ${response.statusCode}`));
      });
    });
    request.on('error', reject);
  });
}

function httpsUrl(text: unknown): URL | undefined {
  const url = typeof text === 'string' ? URL.parse(text) : null;
  return url !== null && url.protocol === 'https:' && url.username === '' ? url : undefined;
}
