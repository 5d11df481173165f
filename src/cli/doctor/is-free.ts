import net from 'node:net';

/** Whether this user could listen on the port of 127.0.0.1; always for 0, which is any free one. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
