/** A long way to TARGET_PORT: PATH_RTT_MS there and back, PATH_MBIT each way, a stall of PATH_STALL_MS once a second. */
import { FaultProxy } from '../../test/helpers/fault-proxy.ts';
import { say } from './announce.ts';

const number = (name: string) => Number(process.env[name]);
const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: number('TARGET_PORT') });
proxy.faults.delayMs = number('PATH_RTT_MS') / 2;
proxy.faults.bytesPerSecond = (number('PATH_MBIT') * 1e6) / 8;
// What routers hold; the rest of a burst waits at its sender.
proxy.faults.queueMs = 20;
proxy.faults.maxPiece = 8_192;

const stallMs = number('PATH_STALL_MS');
if (stallMs > 0) {
  setInterval(() => {
    proxy.faults.stalled = true;
    setTimeout(() => proxy.heal(), stallMs);
  }, 1_000);
}
say(proxy.port);
