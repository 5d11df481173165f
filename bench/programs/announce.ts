import type { Server } from 'node:net';

/** Listens on a free loopback port and tells the parent which. */
export function announce(server: Server): void {
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('not a TCP server');
    say(address.port);
  });
}

/** The ready line `startProgram` waits for. */
export function say(port: number): void {
  process.stdout.write(`${JSON.stringify({ port })}\n`);
}
