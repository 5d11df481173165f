import http from 'node:http';

/** A relay that has not answered by then is not going to serve visitors either (milliseconds). */
const ANSWER_MS = 3_000;

/** Why the relay whose admin port this is does not serve; undefined when it does. */
export function relayUnreadiness(port: number): Promise<string | undefined> {
  const url = `http://127.0.0.1:${port}/readyz`;
  return new Promise((resolve) => {
    const request = http.get(url, { agent: false, timeout: ANSWER_MS }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve(undefined);
      else if (response.statusCode === 503)
        resolve('the relay is ending: it takes no new agents and visitors');
      else resolve(`${url} answers ${response.statusCode}: this is not the admin port of a relay`);
    });
    request.once('timeout', () => request.destroy(new Error(`no answer within ${ANSWER_MS / 1_000} s`)));
    request.once('error', (error: NodeJS.ErrnoException) => {
      resolve(`no relay answers at ${url}: ${error.code ?? error.message}`);
    });
  });
}
