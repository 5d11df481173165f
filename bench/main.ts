/**
 * `npm run bench [-- --quick] [-- --json FILE]`: every number the documentation states.
 *
 * Direct access, the peers and tunneld run side by side, in interleaved rounds; the report gives
 * medians and holds them against the targets. A missed target is said, it is not an error.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { measureBulk } from './bulk.ts';
import { measureIdle } from './idle-memory.ts';
import { hasWrk } from './load.ts';
import { startOrigin } from './origin.ts';
import { report } from './report.ts';
import type { Results } from './results.ts';
import { FULL, QUICK, type Scale } from './scale.ts';
import { measureSmall } from './small.ts';
import { measureSse } from './sse.ts';
import { measureStartUp } from './start-up.ts';
import { DAEMON, type Subject, startSubjects } from './subjects.ts';
import { checkTargets } from './targets.ts';

const { values } = parseArgs({ options: { quick: { type: 'boolean' }, json: { type: 'string' } } });
const results = await run(values.quick === true ? QUICK : FULL);
const checks = checkTargets(results);
process.stdout.write(report(results, checks));
if (values.json !== undefined) {
  await writeFile(values.json, `${JSON.stringify({ ...results, targets: checks }, null, 2)}\n`);
}

async function run(scale: Scale): Promise<Results> {
  const token = randomBytes(24).toString('base64url');
  const origin = await startOrigin();
  try {
    const environment = {
      at: new Date().toISOString(),
      node: process.version,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      origin: origin.kind,
      load: hasWrk ? 'wrk' : 'node',
      quick: scale === QUICK,
    } as const;
    say('start-up');
    const startUp = await measureStartUp(scale);
    // In processes that have done nothing yet: a heap grown under load would hide what streams take.
    say('memory of idle streams');
    const fresh = await startSubjects(origin, token);
    const idle = await measureIdle(withoutDaemon(fresh.list), scale, token).finally(fresh.stop);
    const subjects = await startSubjects(origin, token);
    try {
      say('small exchanges');
      const small = await measureSmall(subjects.list, scale, token);
      say('bodies');
      const bulk = await measureBulk(subjects.list, scale, token);
      say('event delay');
      const sse = await measureSse(subjects.list, scale, token);
      return { environment, small, bulk, sse, idle, startUp };
    } finally {
      await subjects.stop();
    }
  } finally {
    await origin.stop();
  }
}

/** Its limit of streams is the user's, not the bench's. */
function withoutDaemon(subjects: readonly Subject[]): readonly Subject[] {
  return subjects.filter(({ name }) => name !== DAEMON);
}

/** Progress goes where it does not mix with the report. */
function say(what: string): void {
  process.stderr.write(`measuring ${what}\n`);
}
