import http from 'node:http';

/** Time limit for the answer (milliseconds). */
const ANSWER_MS = 3_000;

/** Why the relay with this admin port does not serve; undefined when it serves. */
export function relayUnreadiness(port: number): Promise<string | undefined> {
  const url = `http://127.0.0.1:${port}/readyz`;
  return new Promise((resolve) => {
    const request = http.get(url, { agent: false, timeout: ANSWER_MS }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve(undefined);
      else if (response.statusCode === 503)
        resolve('the relay is shutting down: it accepts no new agents and visitors');
      else resolve(`${url} answers ${response.statusCode}: this is not the admin port of a relay`);
    });
    request.once('timeout', () => request.destroy(new Error(`no answer within ${ANSWER_MS / 1_000} s`)));
    request.once('error', (error: NodeJS.ErrnoException) => {
      resolve(`no relay answers at ${url}: ${error.code ?? error.message}`);
    });
  });
}
