import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { TunnelConfig } from '../../src/config/schema.ts';
import { parseTunnelSpec } from '../../src/config/tunnel-spec.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import { providerInput } from '../../src/daemon/provider-setup.ts';
import { Tunnel } from '../../src/daemon/tunnel.ts';
import type { TunnelDefinition } from '../../src/daemon/tunnel-definition.ts';
import { kindOf } from '../../src/providers/kinds.ts';
import { quiet } from '../helpers/quiet.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { thrownBy } from '../helpers/thrown.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { ScriptedProvider } from './scripted-provider.ts';

/** What a provider's `file:` and `env:` references stand for, and when they are read again. */

const KEYS = {
  relay: (reference: string) => ({ relay: { url: 'http://127.0.0.1:2', token: reference } }),
  pinggy: (reference: string) => ({ pinggy: { token: reference } }),
  ngrok: (reference: string) => ({ ngrok: { authtoken: reference } }),
};

describe.each(['relay', 'pinggy', 'ngrok'] as const)('the token of %s', (name) => {
  let file: string;
  let env: Record<string, string>;
  /** What each provider that was made resolved. */
  let resolved: string[];
  let provider: ScriptedProvider;

  beforeEach(() => {
    file = join(tempFolder(), 'token');
    env = {};
    resolved = [];
    provider = new ScriptedProvider(systemClock);
  });

  const definition = (reference: string, more: object = {}): TunnelDefinition => ({
    config: parseTunnelSpec('figma', {
      port: 9,
      provider: name,
      health: { probe: 'tcp' },
      ...KEYS[name](reference),
      ...more,
    }),
    source: 'file',
    desired: 'up',
    tokens: [{ id: 'first', value: new Secret('tnl_of-the-tunnel-0123456789'), createdAt: 0 }],
  });

  async function up(reference: string): Promise<Tunnel> {
    const make = (config: TunnelConfig) => {
      const input = providerInput(kindOf(config.provider), config, env);
      resolved.push(input.secret(reference).reveal());
      return provider;
    };
    const tunnel = new Tunnel('figma', definition(reference), {
      instance: '0123456789abcdef',
      owner: { instance: 'test', place: 'here', key: new Secret('owner') },
      env,
      clock: systemClock,
      random: () => 0,
      log: quiet,
      provider: async (config) => ({ provider: make(config), way: 'port', checksTokens: false }),
      online: () => true,
      drainMs: 0,
      clean: (text) => text,
      onSecret: () => {},
      lastGatewayPort: () => undefined,
      onGatewayPort: () => {},
      onChange: () => {},
    });
    onTestFinished(() => tunnel.close('the test is over'));
    await tunnel.apply(definition(reference), 'test');
    await sessions(1);
    return tunnel;
  }

  const sessions = (opens: number) => waitFor(() => provider.opens === opens && provider.live === 1);

  it.each(['file', 'env'])('in a reference `%s:` is read again by a restart', async (scheme) => {
    const set = (value: string) => {
      writeFileSync(file, `${value}\n`, { mode: 0o600 });
      env['TOKEN'] = value;
    };
    const reference = scheme === 'file' ? `file:${file}` : 'env:TOKEN';
    set('the-old-one');
    const tunnel = await up(reference);
    set('the-new-one');
    await tunnel.restart(definition(reference), 'test');
    await sessions(2);
    expect(resolved).toEqual(['the-old-one', 'the-new-one']);
    // It is as it was: the provider stays, and its session alone is replaced.
    await tunnel.restart(definition(reference), 'test');
    await sessions(3);
    expect(resolved).toHaveLength(2);
  });

  it('costs no session when another key is edited', async () => {
    writeFileSync(file, 'the-old-one', { mode: 0o600 });
    const tunnel = await up(`file:${file}`);
    writeFileSync(file, 'the-new-one');
    await tunnel.apply(definition(`file:${file}`, { limits: { concurrency: 7 } }), 'test');
    expect(provider).toMatchObject({ opens: 1, live: 1 });
  });

  it('is read again when the tunnel comes up after it was down', async () => {
    writeFileSync(file, 'the-old-one', { mode: 0o600 });
    const tunnel = await up(`file:${file}`);
    await tunnel.apply({ ...definition(`file:${file}`), desired: 'down' }, 'test');
    writeFileSync(file, 'the-new-one');
    await tunnel.apply(definition(`file:${file}`), 'test');
    await sessions(2);
    expect(resolved).toEqual(['the-old-one', 'the-new-one']);
  });

  it('keeps the session it has, and says so, when it cannot be read any more', async () => {
    writeFileSync(file, 'the-old-one', { mode: 0o600 });
    const tunnel = await up(`file:${file}`);
    writeFileSync(file, '');
    const error = await thrownBy(() => tunnel.restart(definition(`file:${file}`), 'test'));
    expect(error.code).toBe('SECRET_UNAVAILABLE');
    expect(provider).toMatchObject({ opens: 1, live: 1 });
  });
});
