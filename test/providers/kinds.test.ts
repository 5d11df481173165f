import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
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

  // The relay is a part of the project besides: its name says nothing. And `tunneld import` reads what was
  // written for other programs.
  const readers = [join('cli', 'import'), join('cli', 'commands', 'import.ts')];
  it.each(kinds.map(({ name }) => name).filter((name) => name !== 'relay'))(
    'is the only place outside its folder that knows %s by name',
    (name) => {
      const src = resolve(import.meta.dirname, '../../src');
      const naming = readdirSync(src, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts') && !file.startsWith(join('providers', name)))
        .filter((file) => !readers.some((reader) => file.startsWith(reader)))
        .filter((file) => readFileSync(join(src, file), 'utf8').toLowerCase().includes(name));
      expect(naming).toEqual([join('providers', 'kinds.ts')]);
    },
  );
});
