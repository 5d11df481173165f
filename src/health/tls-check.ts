import tls from 'node:tls';
import { eitherOf } from '../core/loopback.ts';
import type { Listener } from './tcp-check.ts';

/**
 * Whether a TLS server listens there. Asked when plain HTTP got nonsense or a closed connection:
 * the handshake is the only certain sign, since servers differ in what they say to plain HTTP.
 */
export function speaksTls({ host, otherHost, port }: Listener, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve(false);
      return;
    }
    const socket = tls.connect({
      ...(otherHost === undefined ? { host } : eitherOf(host, otherHost)),
      port,
      rejectUnauthorized: false,
    });
    const finish = (answer: boolean) => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(answer);
    };
    const onAbort = () => finish(false);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('secureConnect', () => finish(true));
    socket.once('close', () => finish(false));
    // An alert (client certificate wanted, no common cipher) is TLS as well.
    socket.on('error', (cause: NodeJS.ErrnoException) => finish(/ALERT/.test(cause.code ?? '')));
  });
}
