import http from 'node:http';
import https from 'node:https';
import net from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
}

/**
 * The head of the answer to a GET; the body is not waited for: it may be an endless stream.
 *
 * @param options anyCertificate: whoever answers is not trusted with anything, so never with a token
 */
export function ask(
  url: URL,
  headers: Readonly<Record<string, string>>,
  timeoutMs: number,
  { anyCertificate = false }: { readonly anyCertificate?: boolean } = {},
): Promise<Answer | NodeJS.ErrnoException> {
  return new Promise((resolve) => {
    const { request } = url.protocol === 'https:' ? https : http;
    const options = { headers, agent: false, timeout: timeoutMs, rejectUnauthorized: !anyCertificate };
    const call = request(url, options, (response) => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers });
      call.destroy();
    });
    call.once('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs / 1_000} s`)));
    call.once('error', resolve);
    call.end();
  });
}

/** Whether a connection can be made: undefined when it can, else what the system says. */
export function connectFailure(
  place: net.TcpNetConnectOpts | net.IpcNetConnectOpts,
  timeoutMs: number,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect(place);
    const finish = (failure?: string) => {
      socket.destroy();
      resolve(failure);
    };
    socket.setTimeout(timeoutMs, () => finish('timeout'));
    socket.once('connect', () => finish());
    socket.once('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
  });
}
