import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { NGROK_DEFAULTS } from '../../src/providers/ngrok/options.ts';
import { PINGGY_DEFAULTS } from '../../src/providers/pinggy/options.ts';
import { createProvider, PROVIDER_KINDS } from '../../src/providers/registry.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

const deps = {
  clock: new FakeClock(),
  relayUrl: () => new URL('http://127.0.0.1:7575'),
  relayToken: new Secret('x'),
  pinggy: () => PINGGY_DEFAULTS,
  ngrok: () => NGROK_DEFAULTS,
  env: {},
};

describe('the provider registry', () => {
  it.each(PROVIDER_KINDS)('makes the provider %s it lists', async (kind) => {
    expect((await createProvider(kind, deps)).kind).toBe(kind);
  });

  it('names the kinds it knows when asked for another', async () => {
    await expect(createProvider('carrier-pigeon', deps)).rejects.toMatchObject({
      code: 'PROVIDER_UNKNOWN',
      remedy: 'Use one of: relay, pinggy, ngrok.',
    });
  });
});
