import { expect, it } from 'vitest';
import type { TunnelState } from '../../src/core/status.ts';
import { nextState, TRANSITIONS } from '../../src/daemon/tunnel-state.ts';

const STATES = Object.keys(TRANSITIONS) as TunnelState[];

function reachable(from: TunnelState): Set<string> {
  const seen = new Set<string>([from]);
  for (const state of seen) {
    for (const next of Object.values(TRANSITIONS[state as TunnelState])) seen.add(next);
  }
  return seen;
}

it.each(STATES)('"%s" can reach every other state', (state) => {
  expect([...reachable(state)].sort()).toEqual([...STATES].sort());
});

it.each(STATES.filter((state) => state !== 'stopped' && state !== 'closing'))(
  '"%s" can be stopped',
  (state) => {
    expect(['stopped', 'closing']).toContain(nextState(state, 'stop'));
  },
);

it('drops an event that means nothing in the current state', () => {
  expect(nextState('stopped', 'lost')).toBeUndefined();
});
