import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { HealthReport, Verdict } from '../../src/core/status.ts';
import { HealthMonitor } from '../../src/health/monitor.ts';
import { startModernOnly } from '../helpers/mcp-servers.ts';
import { quiet } from '../helpers/quiet.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { edgeFor, failedSign, legsOptions } from './fixtures.ts';

/** The grace of a new session, the spacing and the waits between looks pass this much faster. */
const SPEED = 5;
/** A machine busy with other tests may be slow to answer. */
const WORKING: Verdict[] = ['healthy', 'degraded'];

it('sees a server go and come back, and a tunnel break, over real sockets', { timeout: 60_000 }, async () => {
  const first = await startModernOnly();
  await using edge = await edgeFor(first.url);
  const reports: HealthReport[] = [];
  const replaced: string[] = [];
  const exposed: string[] = [];
  const monitor = new HealthMonitor({
    ...legsOptions(first.url, { timeoutMs: 10_000 * SPEED }),
    clock: {
      ...systemClock,
      monotonic: () => systemClock.monotonic() * SPEED,
      setTimer: (callback, delayMs) => systemClock.setTimer(callback, delayMs / SPEED),
    },
    random: () => 0,
    log: quiet,
    online: async () => true,
    visitorStreams: () => 0,
    onReport: (report) => reports.push(report),
    onReplace: (reason) => replaced.push(reason),
    onExposed: (reason) => exposed.push(reason),
  });
  const becomes = (...verdicts: Verdict[]) =>
    waitFor(() => verdicts.includes(monitor.report.verdict), {
      what: `the verdict ${verdicts[0]}`,
      timeoutMs: 15_000,
    });
  try {
    monitor.sessionOpened(edge.publicUrl);
    await becomes(...WORKING);
    expect(monitor.report).toMatchObject({ era: 'modern', server: 'reject-v2 2.4.0' });

    await first.stop();
    monitor.noteSign(failedSign(502));
    await becomes('server-down');
    expect(monitor.report).toMatchObject({
      cause: `Local leg: nothing listens on 127.0.0.1:${first.port}.`,
      remedy: 'Start the server; the tunnel stays and heals by itself.',
    });

    await using _second = await startModernOnly({ port: first.port });
    await becomes(...WORKING);
    expect(replaced).toEqual([]);

    edge.interfere((request) => {
      request.socket.destroy();
      return true;
    });
    monitor.wake('the link dropped');
    await waitFor(() => replaced.length > 0, { what: 'a reason to replace the session', timeoutMs: 15_000 });
    expect(replaced[0]).toMatch(/^Public leg: http:\/\/127\.0\.0\.1:\d+ cannot be reached/);
    expect(exposed).toEqual([]);
  } finally {
    await monitor.stop();
    await first.stop();
  }
});
