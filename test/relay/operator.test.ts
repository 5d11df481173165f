import { describe, expect, it } from 'vitest';
import { FakeClock } from '../helpers/fake-clock.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { say, startRelay } from './relay-harness.ts';

describe('whoever runs the relay', () => {
  it('ends a tunnel, whose agent may come back under its name', async () => {
    const relay = await startRelay();
    const link = await relay.link('figma', say('x'));
    expect(relay.server.disconnect('figma', { reason: 'moved away' })).toBe(true);
    expect(await link.closed).toMatchObject({
      reason: 'ended',
      error: { code: 'SESSION_LOST', message: 'moved away' },
    });
    await waitFor(() => relay.server.stats.links === 0);
    await expect(relay.link('figma', say('x'), { token: 'mallory' })).rejects.toMatchObject({
      code: 'RELAY_NAME_TAKEN',
    });
    await relay.link('figma', say('back'));
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('back');
    expect(relay.server.disconnect('nobody', { reason: 'x' })).toBe(false);
  });

  it('ends a tunnel for good: the agent stays away and the name is free', async () => {
    const relay = await startRelay();
    const link = await relay.link('figma', say('x'));
    relay.server.disconnect('figma', { reason: 'abuse', forGood: true });
    expect(await link.closed).toMatchObject({
      reason: 'ended',
      error: { code: 'RELAY_DISMISSED', message: expect.stringContaining('abuse') },
    });
    await relay.link('figma', say('mallory'), { token: 'mallory' });
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('mallory');
  });

  it('asks agents to dial again, no more than so many in a second', async () => {
    const clock = new FakeClock();
    const relay = await startRelay({ clock });
    const asked: string[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      await relay.link(name, say(name), { onDraining: () => void asked.push(name) });
    }
    const shedding = relay.server.shed({ reason: 'rebalancing', perSecond: 20 });
    await waitFor(() => asked.length === 2);
    expect(asked).toEqual(['a', 'b']);
    await clock.advance(100);
    await waitFor(() => asked.length === 4);
    await clock.advance(100);
    expect(await shedding).toBe(5);
    await waitFor(() => asked.length === 5);
    expect(await (await fetch(`${relay.url}/a/`)).text()).toBe('a');
  });
});
