import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

/**
 * A loopback port nobody listens on, for programs that cannot be told "0". Another process may
 * take it in between; prefer port 0 wherever the program can say which one it got.
 */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
