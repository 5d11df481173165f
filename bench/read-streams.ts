import http from 'node:http';

/**
 * Opens `count` event streams and resolves when each has sent its head.
 *
 * @param url the same for all, or by the stream's number
 * @param localAddress where each comes from; the system's choice when absent
 */
export async function readStreams(
  url: string | ((index: number) => string),
  count: number,
  token: string | undefined,
  onText: (text: string) => void,
  localAddress?: (index: number) => string,
): Promise<readonly http.ClientRequest[]> {
  const agent = new http.Agent({ maxSockets: Number.POSITIVE_INFINITY });
  const opened: http.ClientRequest[] = [];
  // In batches: a burst of a thousand connects measures the listen queue, not the proxy.
  for (let start = 0; start < count; start += 50) {
    const batch = Array.from({ length: Math.min(50, count - start) }, (_, offset) => {
      const index = start + offset;
      const from = localAddress === undefined ? {} : { localAddress: localAddress(index) };
      return open(typeof url === 'string' ? url : url(index), token, { agent, ...from }, onText);
    });
    opened.push(...(await Promise.all(batch)));
  }
  return opened;
}

function open(
  url: string,
  token: string | undefined,
  options: http.RequestOptions,
  onText: (text: string) => void,
): Promise<http.ClientRequest> {
  return new Promise((resolve, reject) => {
    const headers = { accept: 'text/event-stream', authorization: `Bearer ${token ?? ''}` };
    const request = http.get(url, { ...options, headers }, (response) => {
      if (response.statusCode !== 200) {
        reject(new Error(`${url} answered ${response.statusCode}`));
        return;
      }
      response.setEncoding('utf8');
      response.on('data', onText);
      response.on('error', () => {});
      resolve(request);
    });
    request.on('error', reject);
  });
}
