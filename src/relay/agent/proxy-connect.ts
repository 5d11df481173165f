import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { TunneldError } from '../../core/errors.ts';
import type { ProxyRoute } from './proxy-route.ts';

const MAX_ANSWER_BYTES = 16_384;
const HEAD_END = '\r\n\r\n';

export interface ProxyTarget {
  /** As in a URL, without brackets. */
  readonly host: string;
  readonly port: number;
  /** The way is open; nothing was read from it yet. */
  onOpen(way: Socket): void;
  /** It is not; the socket is being destroyed. */
  onFailed(error: TunneldError): void;
}

/** Opens a way through a proxy (RFC 9110 §9.3.6). The socket is the caller's to destroy. */
export function connectThrough(route: ProxyRoute, target: ProxyTarget): Socket {
  const { url, authorization } = route;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const secure = url.protocol === 'https:';
  const port = Number(url.port) || (secure ? 443 : 80);
  const socket = secure
    ? connectTls({ host, port, ...(/[a-z]/i.test(host) ? { servername: host } : {}) })
    : connect({ host, port });
  let answer = '';
  let over = false;
  const fail = (error: TunneldError) => {
    if (over) return;
    over = true;
    socket.destroy();
    target.onFailed(error);
  };
  const onData = (bytes: Buffer) => {
    answer += bytes.toString('latin1');
    const end = answer.indexOf(HEAD_END);
    if (end < 0) {
      if (answer.length > MAX_ANSWER_BYTES) fail(refusal(route, 'its answer has no end'));
      return;
    }
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1] ?? 0);
    if (status < 200 || status > 299) {
      fail(refusal(route, status === 0 ? 'its answer is not HTTP' : `it answered ${status}`, status));
      return;
    }
    over = true;
    socket.off('data', onData);
    socket.pause();
    const rest = answer.slice(end + HEAD_END.length);
    if (rest !== '') socket.unshift(Buffer.from(rest, 'latin1'));
    target.onOpen(socket);
  };
  socket.setNoDelay(true);
  socket.on('data', onData);
  socket.once(secure ? 'secureConnect' : 'connect', () => {
    const authority = `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;
    const login = authorization === undefined ? '' : `Proxy-Authorization: ${authorization.reveal()}\r\n`;
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${login}\r\n`, 'latin1');
  });
  socket.on('error', (cause: NodeJS.ErrnoException) => fail(unreachable(route, cause)));
  socket.on('close', () => fail(refusal(route, 'it closed the connection')));
  return socket;
}

function unreachable(route: ProxyRoute, cause: NodeJS.ErrnoException): TunneldError {
  const text = `${nameOf(route)} cannot be reached: ${cause.code ?? cause.message}`;
  return new TunneldError('RELAY_PROXY', text, { cause });
}

function refusal(route: ProxyRoute, why: string, status = 0): TunneldError {
  const text = `${nameOf(route)} opens no way to the relay: ${why}`;
  if (status !== 407) return new TunneldError('RELAY_PROXY', text);
  return new TunneldError('RELAY_PROXY', text, {
    remedy: `The proxy wants a login: put it into ${route.variable} (http://USER:PASSWORD@HOST:PORT), then restart the daemon.`,
  });
}

function nameOf({ url, variable }: ProxyRoute): string {
  return `The proxy ${url.host} (${variable})`;
}
