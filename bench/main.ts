/**
 * `npm run bench [-- --quick] [-- --json FILE]`: every number the documentation states.
 * `npm run bench:relay`: the relay alone, next to what one could use instead of it.
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
import { nginxVersion } from './nginx.ts';
import { startOrigin } from './origin.ts';
import { startRelaySubjects } from './relay-subjects.ts';
import { report } from './report.ts';
import type { Results } from './results.ts';
import { FULL, QUICK, RELAY_FULL, type Scale } from './scale.ts';
import { measureSmall } from './small.ts';
import { measureSse } from './sse.ts';
import { openSsh } from './ssh.ts';
import { measureStartUp } from './start-up.ts';
import type { Subject } from './subject-list.ts';
import { DAEMON, startSubjects } from './subjects.ts';
import { checkTargets } from './targets.ts';

const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, json: { type: 'string' }, relay: { type: 'boolean' } },
});
const ofRelay = values.relay === true;
const results = await run(values.quick === true ? QUICK : ofRelay ? RELAY_FULL : FULL);
const checks = checkTargets(results);
process.stdout.write(report(results, checks));
if (values.json !== undefined) {
  await writeFile(values.json, `${JSON.stringify({ ...results, targets: checks }, null, 2)}\n`);
}

async function run(scale: Scale): Promise<Results> {
  const token = randomBytes(24).toString('base64url');
  const origin = await startOrigin();
  const start = () => (ofRelay ? startRelaySubjects : startSubjects)(origin, token);
  try {
    const machine = {
      at: new Date().toISOString(),
      node: process.version,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      origin: origin.kind,
      versions: versions(),
      load: hasWrk ? 'wrk' : 'node',
      quick: scale === QUICK,
    } as const;
    const startUp = ofRelay ? undefined : await measureStartUp(scale);
    // In processes that have done nothing yet: a heap grown under load would hide what streams take.
    say('memory of idle streams');
    const fresh = await start();
    const idle = await measureIdle(withoutDaemon(fresh.list), scale, token).finally(fresh.stop);
    const subjects = await start();
    const environment = { ...machine, missing: subjects.missing };
    try {
      say('small exchanges');
      const small = await measureSmall(subjects.list, scale, token);
      say('bodies');
      const bulk = await measureBulk(subjects.list, scale, token);
      say('event delay');
      const sse = await measureSse(subjects.list, scale, token);
      return { environment, small, bulk, sse, idle, ...(startUp === undefined ? {} : { startUp }) };
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

/** Of the programs beside Node, where they are here. */
function versions(): readonly string[] {
  return [nginxVersion, openSsh].filter((version) => version !== undefined);
}

/** Progress goes where it does not mix with the report. */
function say(what: string): void {
  process.stderr.write(`measuring ${what}\n`);
}
