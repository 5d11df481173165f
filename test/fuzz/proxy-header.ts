import { isIP } from 'node:net';
import { readProxyHeader } from '../../src/http1/proxy-header.ts';
import { pick, type Random, randomBytes, spoiled } from './random.ts';
import { refusedOr, same, type Target } from './target.ts';

/** A PROXY header is read in one way, from the first byte at which it is complete. */
export const proxyHeaders: Target = {
  name: 'PROXY headers',
  perThousand: 1_000,
  run(random) {
    const wire = Buffer.concat([spoiled(random, header(random), 2), randomBytes(random, 20)]);
    const whole = refusedOr(RangeError, () => readProxyHeader(wire));
    if (whole?.complete === true) {
      if (whole.length > wire.length) throw new Error('it is longer than what there is');
      if (whole.address !== undefined && isIP(whole.address) === 0)
        throw new Error(`no address: ${whole.address}`);
      same('its own bytes', readProxyHeader(wire.subarray(0, whole.length)), whole);
    }
    for (let length = 1; length < Math.min(wire.length, 64); length++) {
      const part = refusedOr(RangeError, () => readProxyHeader(wire.subarray(0, length)));
      // Complete early, or refused early, is what it stays.
      if (part === undefined) same('a refusal', whole, undefined);
      else if (part.complete) same('a part', part, whole);
    }
  },
};

function header(random: Random): Buffer {
  if (random(2) === 0) {
    return Buffer.from(
      pick(random, [
        'PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n',
        'PROXY TCP6 2001:db8::1 ::1 1 65535\r\n',
        'PROXY UNKNOWN\r\n',
        'PROXY UNKNOWN a b c d\r\n',
        'PROXY TCP4 192.0.2.1 192.0.2.2 0 65536\r\n',
      ]),
    );
  }
  const family = pick(random, [0x00, 0x11, 0x21, 0x31, 0x12]);
  const addresses = randomBytes(random, family === 0x21 ? 60 : 30);
  const fixed = Buffer.from('\r\n\r\n\0\r\nQUIT\n\x21\0\0\0', 'latin1');
  fixed[12] = pick(random, [0x20, 0x21, 0x21, 0x11]);
  fixed[13] = family;
  fixed.writeUInt16BE(pick(random, [addresses.length, 12, 36, 5_000]), 14);
  return Buffer.concat([fixed, addresses]);
}
