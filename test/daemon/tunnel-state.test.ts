import { describe, expect, it } from 'vitest';
import type { TunnelState } from '../../src/core/status.ts';
import { nextState, type StateChange, StateMachine, TRANSITIONS } from '../../src/daemon/tunnel-state.ts';

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

it('leaves what it gave up on to the user', () => {
  const leaving = ['start', 'restart', 'stop'] as const;
  expect(leaving.map((event) => nextState('giving-up', event))).toEqual(['closing', 'closing', 'closing']);
  expect(nextState('giving-up', 'closed')).toBe('failed');
});

describe('the state of a tunnel', () => {
  it('changes by the events of its row alone, and says since when', () => {
    let now = 1_000;
    const changes: StateChange[] = [];
    const machine = new StateMachine(
      () => now,
      (change) => changes.push(change),
    );
    expect(machine.apply('opened', 'late')).toBe(false);
    expect(machine.apply('start', 'asked for')).toBe(true);
    now = 2_000;
    expect(machine.apply('open-failed', 'refused')).toBe(true);
    now = 3_000;
    expect(machine.apply('offline', 'no network')).toBe(true);
    expect([machine.state, machine.since]).toEqual(['backing-off', 2_000]);
    expect(changes.map(({ at, from, event, to }) => [at, from, event, to])).toEqual([
      [1_000, 'stopped', 'start', 'opening'],
      [2_000, 'opening', 'open-failed', 'backing-off'],
      [3_000, 'backing-off', 'offline', 'backing-off'],
    ]);
    expect(machine.lastChange).toBe(changes.at(-1));
  });
});

it('drops an event that means nothing in the current state', () => {
  expect(nextState('stopped', 'lost')).toBeUndefined();
});
