import { describe, expect, it } from 'vitest';
import type { ServedTunnel } from '../../src/relay/edge/relay-server.ts';
import { Renewal } from '../../src/relayd/renewal.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

const DEADLINE_MS = 30_000;

/** A relay that serves `alice` and `bob`, and who of them it let go. */
function twoTunnels() {
  const tunnels = ['alice', 'bob'].map((name) => ({ name, identity: `hash of ${name}`, link: 'the first' }));
  const ended: { readonly name: string; readonly forGood: boolean }[] = [];
  const clock = new FakeClock();
  const renewal = new Renewal(clock);
  const authorize = renewal.over(async ({ name }) => ({ ok: true, name, identity: `hash of ${name}` }));
  const server = {
    tunnels: tunnels as unknown as readonly ServedTunnel[],
    shed: async () => tunnels.length,
    disconnect: (name: string, { forGood = false }: { readonly forGood?: boolean }) =>
      ended.push({ name, forGood }) > 0,
  };
  return { renewal, clock, server, ended, register: (name: string) => authorize({ name, token: 't' }) };
}

describe('when somebody else decides who may register', () => {
  it('whoever registers anew stays, also where a second link of it serves the name', async () => {
    const { renewal, clock, server, ended, register } = twoTunnels();
    renewal.start(server);
    await register('alice');
    await clock.advance(DEADLINE_MS);
    // It may come back once it can ask: the one who decides may only have been away.
    expect(ended).toEqual([{ name: 'bob', forGood: false }]);
  });

  it('what was decided before does not count', async () => {
    const { renewal, clock, server, ended, register } = twoTunnels();
    const early = register('alice');
    renewal.start(server);
    await early;
    await clock.advance(DEADLINE_MS);
    expect(ended.map(({ name }) => name)).toEqual(['alice', 'bob']);
  });

  it('nobody has to go any more once that was taken back', async () => {
    const { renewal, clock, server, ended } = twoTunnels();
    renewal.start(server);
    await clock.advance(DEADLINE_MS / 2);
    renewal.stop();
    await clock.advance(DEADLINE_MS);
    expect(ended).toEqual([]);
  });
});
