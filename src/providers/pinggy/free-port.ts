import { once } from 'node:events';
import { createServer } from 'node:net';
import { TunneldError } from '../../core/errors.ts';

/**
 * A loopback port without a listener. Between this and its use another program may take it; the
 * container then says so and another is tried.
 *
 * @param wanted a port the user insists on.
 * @throws {TunneldError} `PORT_IN_USE` when the wanted one is taken.
 */
export async function freePort(wanted: number | undefined): Promise<number> {
  const server = createServer();
  server.listen(wanted ?? 0, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new TunneldError('PORT_IN_USE', `Port ${wanted} of the web debugger is taken by another program.`, {
      cause: error,
      remedy: 'Stop that program, or leave out `pinggy.debuggerPort` to let tunneld choose a free port.',
    });
  }
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  server.close();
  await once(server, 'close');
  return port;
}
