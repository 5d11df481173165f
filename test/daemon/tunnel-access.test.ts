import { describe, expect, it } from 'vitest';
import { newAccessToken } from '../../src/config/access-token.ts';
import { parseTunnelSpec } from '../../src/config/tunnel-spec.ts';
import { made, rotated } from '../../src/daemon/tokens.ts';
import { TunnelAccess } from '../../src/daemon/tunnel-access.ts';
import type { TunnelDefinition } from '../../src/daemon/tunnel-definition.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

const LONG = 'tnl_'.padEnd(40, 'a');

function setup(spec: Readonly<Record<string, unknown>> = {}) {
  const clock = new FakeClock();
  const env: NodeJS.ProcessEnv = { TOKEN: LONG };
  const state: { definition: TunnelDefinition } = {
    definition: {
      config: parseTunnelSpec('figma', { port: 3845, ...spec }),
      source: 'cli',
      desired: 'up',
      tokens: [made(newAccessToken(), clock.now())],
    },
  };
  const access = new TunnelAccess({ definition: () => state.definition, env, clock });
  access.resolve();
  return { clock, env, state, access };
}

describe('the access of a tunnel', () => {
  it('takes the token of the configuration before those that were made', () => {
    const { access } = setup({ access: { token: 'env:TOKEN' } });
    expect(access.tokens.map(({ value }) => value.reveal())).toEqual([LONG]);
  });

  it('knows a newer token from those the provider was told, until it is told', () => {
    const { clock, state, access } = setup();
    expect(access.providerIsOutdated).toBe(true);
    expect(access.tellProvider()).toHaveLength(1);
    expect(access.providerIsOutdated).toBe(false);
    state.definition = { ...state.definition, tokens: rotated(state.definition.tokens, clock.now(), 1_000) };
    expect(access.providerIsOutdated).toBe(true);
    expect(access.tellProvider()).toHaveLength(2);
    expect(access.providerIsOutdated).toBe(false);
  });

  it('asks for no other session when the same token is read again', () => {
    const { env, access } = setup({ access: { token: 'env:TOKEN' } });
    access.tellProvider();
    access.resolve();
    expect(access.providerIsOutdated).toBe(false);
    env['TOKEN'] = LONG.replaceAll('a', 'b');
    access.resolve();
    expect(access.providerIsOutdated).toBe(true);
  });

  it('is nobody where the tunnel is public on purpose, which a told provider has to learn', () => {
    const { state, access } = setup();
    access.tellProvider();
    const config = parseTunnelSpec('figma', { port: 3845, access: { insecurePublic: true } });
    state.definition = { ...state.definition, config };
    expect([access.tokens, access.gatewayTokens, access.current()]).toEqual([[], [], undefined]);
    expect(access.providerIsOutdated).toBe(true);
  });

  it('tells those who subscribed of a change, and nobody who left', () => {
    const { access } = setup();
    let told = 0;
    const leave = access.subscribe(() => {
      told += 1;
    });
    access.changed();
    leave();
    access.changed();
    expect(told).toBe(1);
  });
});
