import { cpuNs } from '../child.ts';
import type { AttackJob, AttackOutcome } from '../programs/load-attacker.ts';
import type { CallsJob, CallsOutcome } from '../programs/load-visitors.ts';
import type { Findings } from './findings.ts';
import type { LoadScale } from './scale.ts';
import { withPeak } from './watch.ts';
import type { World } from './world.ts';

/** The callers' p99 during an attack, against the same a moment before. */
const WORST_RATIO = 5;
/** Below this a ratio is the machine's noise (milliseconds). */
const NOISE_MS = 50;
/** How much the relay may grow by meanwhile (MB). */
const RELAY_GROWTH_MB = 96;
const AGENTS_GROWTH_MB = 128;
/** An agent that is turned away once comes again; on a busy machine it may have to (milliseconds). */
const PATIENCE_MS = 40_000;
const DIAL_AGAIN_MS = 250;
/** At the first attempt it is home by then (milliseconds). */
const HOME_MS = 3_000;
const GOOD = { connections: 50, tunnels: 8, everyMs: 100, slowReaders: 0 } as const;

interface Attack {
  readonly verb: string;
  readonly name: string;
  readonly job: AttackJob;
  /** What the first word to such a socket may be. */
  readonly allowed: readonly string[];
  readonly lawful?: boolean;
}

/** Attacks of several kinds, one after the other, beside a caller who goes on calling. */
export async function loadAttacks(world: World, scale: LoadScale, found: Findings) {
  const { sockets, perSecond, durationMs, uploads, slowlorisMs, quietMs, together } = scale.attack;
  const many = { sockets, perSecond, durationMs };
  const few = { sockets: uploads, perSecond, durationMs };
  const attacks: readonly Attack[] = [
    { verb: 'register', name: 'register flood', job: many, allowed: ['101', '503'] },
    {
      verb: 'registerFromOne',
      name: 'register flood of one address',
      job: many,
      allowed: ['101', '429', '503'],
    },
    {
      verb: 'slowloris',
      name: 'slowloris',
      job: { ...many, durationMs: slowlorisMs },
      allowed: ['408', '503'],
    },
    { verb: 'bodies', name: 'bodies without a token', job: few, allowed: ['401', '429'] },
    { verb: 'stuck', name: 'bodies to a server that hangs', job: few, allowed: ['none'], lawful: true },
  ];
  const withstood = (attack: Attack, index: number) =>
    withstand(world, attack, { newTunnel: scale.tunnels + index, quietMs }, found);
  if (together) await Promise.all(attacks.map(withstood));
  else for (const [index, attack] of attacks.entries()) await withstood(attack, index);
}

/** Dials again as an agent does, for as long as one would wait. @returns milliseconds; NaN when it never got in */
async function comeHome(agents: World['agents'], tunnel: number): Promise<number> {
  const began = performance.now();
  while (performance.now() - began < PATIENCE_MS) {
    const failed = await agents.ask<number>('dial', { from: tunnel, to: tunnel + 1 }).then(
      () => false,
      () => true,
    );
    if (!failed) return performance.now() - began;
    await new Promise((resolve) => setTimeout(resolve, DIAL_AGAIN_MS));
  }
  return Number.NaN;
}

async function withstand(
  world: World,
  attack: Attack,
  { newTunnel, quietMs }: { readonly newTunnel: number; readonly quietMs: number },
  found: Findings,
) {
  const { relay, agents, visitors, attacker } = world;
  const { verb, name, job, lawful } = attack;
  const before = { relay: await relay.sample(), agents: await agents.sample() };
  const good: CallsJob = { ...GOOD, durationMs: job.durationMs };
  const quiet = await visitors.ask<CallsOutcome>('calls', { ...good, durationMs: quietMs });
  const started = { at: performance.now(), cpuNs: await cpuNs([relay.pid]) };
  const { result, peak } = await withPeak(relay, agents.pid, async () => {
    const attacked = attacker.ask<AttackOutcome>(verb, job);
    const called = visitors.ask<CallsOutcome>('calls', good);
    // In the middle of it all somebody comes home.
    const dialled = new Promise((resolve) => setTimeout(resolve, job.durationMs / 2)).then(() =>
      comeHome(agents, newTunnel),
    );
    return { attacked: await attacked, called: await called, dialMs: await dialled };
  });
  const { attacked, called, dialMs } = result;
  const busy = ((await cpuNs([relay.pid])) - started.cpuNs) / 1e6 / (performance.now() - started.at);
  const answers = Object.entries(attacked.answers).map(([status, count]) => `${count} x ${status}`);
  found.notes.push(
    `${name}: ${attacked.opened} sockets, answered ${answers.join(', ')}; the last was gone ` +
      `${(attacked.clearedMs / 1_000).toFixed(1)} s later; beside it calls had p50 ${called.p50Ms.toFixed(1)} ms, ` +
      `p99 ${called.p99Ms.toFixed(1)} ms (a moment before ${quiet.p99Ms.toFixed(1)} ms), and an agent registered in ${dialMs.toFixed(0)} ms; at most ` +
      `${peak.connections} connections and ${peak.pendingLinks} links that had not registered; the relay was busy ` +
      `${(busy * 100).toFixed(0)} % of the time`,
  );
  const strange = Object.entries(attacked.answers)
    .filter(([status]) => status !== 'none' && !attack.allowed.includes(status))
    .reduce((sum, [, count]) => sum + count, 0);
  found.exactly(`${name}: sockets answered otherwise`, strange, 0);
  if (!lawful) found.exactly(`${name}: sockets the relay did not end`, attacked.left, 0);
  found.exactly(`${name}: good calls that failed`, called.errors, 0);
  const ratio = Math.max(NOISE_MS, called.p99Ms) / Math.max(NOISE_MS, quiet.p99Ms);
  found.inTime(`${name}: p99 of good calls, against a moment before`, ratio, WORST_RATIO, 'x');
  found.exactly(`${name}: agents that register meanwhile`, Number.isNaN(dialMs) ? 0 : 1, 1);
  found.inTime(`${name}: the way home of such an agent`, dialMs, HOME_MS, 'ms');
  const grown = (peakRss: number, rss: number) => (peakRss - rss) / 1_048_576;
  found.atMost(`${name}: relay grew by`, grown(peak.relayRss, before.relay.rss), RELAY_GROWTH_MB, 'MB');
  found.atMost(`${name}: agents grew by`, grown(peak.agentsRss, before.agents.rss), AGENTS_GROWTH_MB, 'MB');
}
