import { cpuNs } from './child.ts';
import { load } from './load.ts';
import { interleave, medians } from './rounds.ts';
import type { Scale } from './scale.ts';
import type { Subject } from './subject-list.ts';

export interface SmallCell {
  readonly subject: string;
  /** `GET c64` */
  readonly work: string;
  readonly perSecond: number;
  /** CPU of the subject's own processes (microseconds a request); 0 for direct access. */
  readonly cpuUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

const POST_BODY_BYTES = 600;

/** Requests per second and CPU per request for small exchanges. */
export async function measureSmall(subjects: readonly Subject[], scale: Scale, token: string) {
  const cells: SmallCell[] = [];
  for (const subject of subjects) {
    // Cold code costs several times what it costs a second later.
    await load({
      url: `${subject.url}/small`,
      method: 'GET',
      connections: 16,
      token,
      durationMs: 1_000,
      bodyBytes: 0,
    });
  }
  for (const { method, connections } of scale.small) {
    const results = await interleave(subjects, scale.rounds, async (subject) => {
      const pids = subject.parts.map((part) => part.pid);
      const job = { url: `${subject.url}/small`, method, connections, token, durationMs: scale.cellMs };
      const before = await cpuNs(pids);
      const outcome = await load({ ...job, bodyBytes: method === 'POST' ? POST_BODY_BYTES : 0 });
      const cpuUs = ((await cpuNs(pids)) - before) / 1_000 / outcome.requests;
      const perSecond = outcome.requests / outcome.seconds;
      return { perSecond, cpuUs, p50Us: outcome.p50Us, p99Us: outcome.p99Us };
    });
    for (const [subject, rounds] of results) {
      cells.push({ subject: subject.name, work: `${method} c${connections}`, ...medians(rounds) });
    }
  }
  return cells;
}
