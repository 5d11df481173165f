/**
 * Runs a published server program unchanged, but bound to loopback and to the port of our choice:
 * `on-loopback.ts MODULE [ARGUMENT…]`, port in `LISTEN_PORT` (0 or absent: any free one).
 *
 * The programs hard-code their port or bind every interface; neither is acceptable in a test.
 * Says `{"listening":PORT}` on standard output.
 */
import net, { type AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';

const [module, ...rest] = process.argv.slice(2);
if (module === undefined) throw new Error('Which module?');

const original = net.Server.prototype.listen;
net.Server.prototype.listen = function listen(this: net.Server, ...args: unknown[]): net.Server {
  const callback = args.find((argument) => typeof argument === 'function') as (() => void) | undefined;
  this.once('listening', () => {
    const { port } = this.address() as AddressInfo;
    process.stdout.write(`${JSON.stringify({ listening: port })}\n`);
  });
  const port = Number(process.env['LISTEN_PORT'] ?? 0);
  return original.call(this, { host: '127.0.0.1', port }, callback);
};

process.argv = [process.execPath, module, ...rest];
await import(pathToFileURL(module).href);
