import http from 'node:http';
import https from 'node:https';

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
  const unlimited = { maxSockets: Number.POSITIVE_INFINITY };
  // The certificate is the run's own.
  const secure = new https.Agent({ ...unlimited, rejectUnauthorized: false });
  const plain = new http.Agent(unlimited);
  const opened: http.ClientRequest[] = [];
  // In batches: a burst of a thousand connects measures the listen queue, not the proxy.
  for (let start = 0; start < count; start += 50) {
    const batch = Array.from({ length: Math.min(50, count - start) }, (_, offset) => {
      const index = start + offset;
      const from = localAddress === undefined ? {} : { localAddress: localAddress(index) };
      const target = typeof url === 'string' ? url : url(index);
      const agent = target.startsWith('https:') ? secure : plain;
      return open(target, token, { agent, ...from }, onText);
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
    const { get } = url.startsWith('https:') ? https : http;
    const request = get(url, { ...options, headers }, (response) => {
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
