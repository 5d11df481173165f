import { connect } from 'node:net';

/** Whether a Unix socket has a listener: `connected`, or the code of what is wrong. Never rejects. */
export function tryConnect(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}
