import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import type { ProviderKind } from '../../src/providers/kind.ts';
import { KINDS, kindOf } from '../../src/providers/kinds.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { thrownBy } from '../helpers/thrown.ts';

const kinds: readonly ProviderKind[] = KINDS;

describe('the list of providers', () => {
  it.each(kinds)('makes the provider $name', async (kind) => {
    const { create } = await kind.load();
    const provider = create({
      config: undefined,
      pages: false,
      secret: () => new Secret('x'),
      clock: new FakeClock(),
      env: {},
      embeddedRelay: { url: new URL('http://127.0.0.1:7575'), secret: new Secret('x') },
      onSecret: () => {},
    });
    expect(provider.kind).toBe(kind.name);
  });

  it('names the providers it knows when asked for another', async () => {
    expect(await thrownBy(() => kindOf('carrier-pigeon'))).toMatchObject({
      code: 'PROVIDER_UNKNOWN',
      remedy: 'Use one of: relay, pinggy, ngrok.',
    });
  });

  it.each(kinds)('has options of $name that each set a key it has', ({ schema, options }) => {
    const keys = Object.keys((schema as unknown as { shape: object }).shape);
    for (const { key } of Object.values(options)) expect(keys).toContain(key);
  });
});
