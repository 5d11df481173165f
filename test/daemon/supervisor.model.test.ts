import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TunneldError } from '../../src/core/errors.ts';
import { lost, type SessionEnd } from '../../src/core/session-end.ts';
import type { Verdict } from '../../src/core/status.ts';
import { CLOSE_DEADLINE_MS } from '../../src/daemon/open-session.ts';
import { nextState } from '../../src/daemon/tunnel-state.ts';
import type { Script } from './scripted-provider.ts';
import { overlapping, supervised } from './supervised.ts';

/**
 * Random lives of a tunnel: whatever the provider, the monitor, the network and the user do, in
 * whatever order, the promises below hold at every step and at the end.
 */

type World = ReturnType<typeof supervised>;
type Step = {
  readonly name: string;
  readonly run: (world: World) => Promise<void> | void;
  /** Says something about a session that is gone: must change nothing. */
  readonly late?: boolean;
  /** The user's last word in it. */
  readonly wants?: 'up' | 'down';
};

const close = fc.constantFrom('at-once' as const, 'rejects' as const, 'hangs' as const, 500, 30_000);
const script: fc.Arbitrary<Script> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ opens: fc.constantFrom('at-once' as const, 10, 5_000), close }),
  },
  fc.record({ opens: fc.constant(20), close, expiresAt: fc.constant(Date.UTC(2026, 10, 21, 0, 5)) }),
  fc.record({ fails: fc.constant(new TunneldError('RELAY_UNREACHABLE', 'down')), afterMs: fc.constant(50) }),
  fc.record({ fails: fc.constant(new TunneldError('CREDENTIAL_REJECTED', 'no')) }),
  fc.record({ fails: fc.constant(new Error('a bug')) }),
  fc.record({ hangs: fc.constantFrom('until-aborted' as const, 'for-ever' as const) }),
);
const verdict: fc.Arbitrary<Verdict> = fc.constantFrom(
  'unknown',
  'healthy',
  'server-down',
  'tunnel-down',
  'network-down',
  'auth',
);
const end: fc.Arbitrary<SessionEnd> = fc.oneof(
  fc.constant(lost('cut')),
  fc.constant({ reason: 'closed-by-us' as const }),
  fc.constant({ reason: 'ended' as const, error: new TunneldError('RELAY_NAME_TAKEN', 'taken') }),
);

function step(name: string, run: Step['run']): fc.Arbitrary<Step> {
  return fc.constant({ name, run });
}

const word: fc.Arbitrary<Step> = fc.constantFrom<Step>(
  { name: 'start', wants: 'up', run: ({ supervisor }) => supervisor.start('model') },
  { name: 'restart', wants: 'up', run: ({ supervisor }) => supervisor.restart('model') },
  { name: 'stop', wants: 'down', run: ({ supervisor }) => void supervisor.stop('model') },
);

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 100, 1_000, 15_000, 61_000).map(advanceBy) },
  word,
  // While the session closes that was given up on, which is seldom hit by chance.
  word.map(({ name, run, ...more }) => ({
    ...more,
    name: `exposed, then ${name}`,
    run: (world: World) => {
      world.supervisor.exposed(world.supervisor.session?.generation ?? 0, 'model');
      return run(world);
    },
  })),
  step('wake', ({ supervisor }) => supervisor.wake('model')),
  step('what failed is mended', ({ provider }) => {
    provider.works = !provider.works;
  }),
  step('network', ({ network }) => {
    network.online = !network.online;
  }),
  step('clock jumps', ({ clock }) => clock.jump(3_600_000)),
  verdict.map((said) => ({
    name: `verdict ${said}`,
    run: ({ supervisor }: World) => supervisor.noteVerdict(said),
  })),
  fc.nat(3).map((age) => ({
    name: `unhealthy, ${age} sessions ago`,
    late: age > 0,
    run: ({ supervisor }: World) =>
      supervisor.unhealthy((supervisor.session?.generation ?? 0) - age, 'model'),
  })),
  fc.nat(3).map((age) => ({
    name: `exposed, ${age} sessions ago`,
    late: age > 0,
    run: ({ supervisor }: World) => supervisor.exposed((supervisor.session?.generation ?? 0) - age, 'model'),
  })),
  fc.record({ end, age: fc.nat(2) }).map(({ end, age }) => ({
    name: `session of ${age} ago ends: ${end.reason}`,
    late: age > 0,
    run: ({ provider }: World) => provider.sessions.at(-1 - age)?.end(end),
  })),
);

function advanceBy(ms: number): Step {
  return { name: `+${ms}`, run: ({ clock }) => clock.advance(ms) };
}

it.each([
  ['closes its session first', supervised],
  ['takes a new session in the place of the old', overlapping],
])(
  'keeps its promises whatever happens in whatever order, where the provider %s',
  async (_how, supervised) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(script, { minLength: 1, maxLength: 6 }),
        // Long lives: left to itself, fast-check tries mostly a handful of steps.
        fc.array(anyStep, { maxLength: 40, size: 'max' }),
        async (scripts, steps) => {
          const world = supervised(...scripts);
          const { supervisor, provider, clock, changes } = world;
          for (const { run, late } of steps) {
            // What went before may still be under way; only what this step sets off is looked at.
            if (late) await clock.advance(0);
            const before = changes.length;
            await run(world);
            if (late) await clock.advance(0);
            if (late) expect(changes.slice(before)).toEqual([]);
            checkAlways(world, before);
          }

          // Left alone, it comes to where the last word of the user and the last failure lead.
          await clock.advance(3 * CLOSE_DEADLINE_MS);
          expect(['closing', 'giving-up']).not.toContain(supervisor.state);
          const wanted = steps.findLast(({ wants }) => wants !== undefined)?.wants ?? 'down';
          expect(supervisor.state === 'stopped').toBe(wanted === 'down');
          checkHistory(changes);

          // From anywhere, `stop` reaches `stopped` in bounded time and leaves nothing alive.
          const stopped = supervisor.stop('the end');
          await clock.advance(3 * CLOSE_DEADLINE_MS);
          await stopped;
          expect(supervisor.state).toBe('stopped');
          await clock.advance(200_000);
          expect(provider.live).toBe(0);
          expect(provider.sessions.every((session) => session.closeCalls === 1)).toBe(true);
          expect(clock.pending).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  },
);

function checkAlways({ supervisor, provider, clock, changes }: World, since: number): void {
  if (!provider.overlaps) expect(provider.mostLive).toBeLessThanOrEqual(1);
  if (supervisor.state === 'up') expect(supervisor.session).toBeDefined();
  else if (!(provider.overlaps && supervisor.state === 'replacing'))
    expect(supervisor.session).toBeUndefined();
  expect(supervisor.nextRetryAt === undefined || supervisor.state === 'backing-off').toBe(true);
  if (supervisor.nextRetryAt !== undefined && since < changes.length) {
    expect(supervisor.nextRetryAt - clock.now()).toBeLessThanOrEqual(60_000);
  }
  if (supervisor.state === 'failed' || supervisor.state === 'giving-up')
    expect(supervisor.lastError?.remedy).toBeTruthy();
  for (const { from, event, to } of changes.slice(since)) expect(nextState(from, event)).toBe(to);
}

/** One life without a gap, and nothing after a reason to give up but what the user asked for. */
function checkHistory(changes: World['changes']): void {
  for (const [index, { from, event, to }] of changes.entries()) {
    const before = changes[index - 1];
    expect(from).toBe(before?.to ?? 'stopped');
    if (from === 'failed') expect(['start', 'restart', 'stop']).toContain(event);
    if (from === 'giving-up') expect([event, to]).toEqual([event, event === 'closed' ? 'failed' : 'closing']);
  }
}

it('never replaces a session while the server is down, whatever the monitor asks for', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(0, 100, 30_000, 61_000), { maxLength: 20 }), async (waits) => {
      const { supervisor, provider, clock } = supervised();
      supervisor.start('model');
      await clock.advance(0);
      supervisor.noteVerdict('server-down');
      for (const wait of waits) {
        supervisor.unhealthy(1, 'model');
        await clock.advance(wait);
      }
      expect(provider.opens).toBe(1);
      expect(supervisor.session?.generation).toBe(1);
    }),
    { numRuns: 50 },
  );
});
