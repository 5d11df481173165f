import net from 'node:net';
import { eitherOf } from '../core/loopback.ts';

/** Where the server should listen. */
export interface Listener {
  readonly host: string;
  /** Tried where nobody listens at `host`. */
  readonly otherHost?: string;
  readonly port: number;
  /** A Unix socket, in place of host and port. */
  readonly socketPath?: string;
}

/** Resolves when something accepts a connection there; rejects with the network's error or the signal's reason. */
export function tcpCheck(listener: Listener, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = net.connect(targetOf(listener));
    const finish = (settle: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      settle();
    };
    const onAbort = () => finish(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => finish(resolve));
    // Stays attached: a destroyed socket may still report a late reset.
    socket.on('error', (cause) => finish(() => reject(cause)));
  });
}

function targetOf({ host, otherHost, port, socketPath }: Listener): net.NetConnectOpts {
  if (socketPath !== undefined) return { path: socketPath };
  return { ...(otherHost === undefined ? { host } : eitherOf(host, otherHost)), port };
}
