import { describe, expect, it } from 'vitest';
import { isLoopbackAuthority, isLoopbackHost } from '../../src/core/loopback.ts';

describe('a host of this machine', () => {
  it.each([
    'localhost',
    'LOCALHOST',
    'localhost.',
    '127.0.0.1',
    '127.1.2.3',
    '::1',
    '[::1]',
    '::1%lo',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    '[::ffff:7f00:1]',
    new URL('http://127.1').hostname,
    new URL('http://[::ffff:127.0.0.1]').hostname,
  ])('is %s', (host) => expect(isLoopbackHost(host)).toBe(true));

  it.each([
    '',
    '127.0.0.1.nip.io',
    '127.example.com',
    '127.0.0',
    'localhost.example.com',
    'localhost..',
    'mylocalhost',
    'figma.localhost',
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '128.0.0.1',
    '::2',
    '::ffff:10.0.0.1',
    '[::1',
    '127.0.0.1:80',
    '[[::1]]',
  ])('is not %s', (host) => expect(isLoopbackHost(host)).toBe(false));
});

describe('a Host header of this machine', () => {
  it.each(['localhost', 'localhost:8081', '127.0.0.1:1', '127.9.9.9', '[::1]', '[::1]:80', 'LocalHost.:80'])(
    'is %s',
    (host) => expect(isLoopbackAuthority(host)).toBe(true),
  );

  it.each([
    '',
    ':80',
    '127.0.0.1.nip.io:80',
    '::1',
    '::1:80',
    'localhost:80:80',
    'localhost:x',
    'evil@localhost',
  ])('is not %s', (host) => expect(isLoopbackAuthority(host)).toBe(false));
});
