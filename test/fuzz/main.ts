import { parseArgs } from 'node:util';
import { compare } from './http1/compare.ts';
import { fuzz, TARGETS } from './targets.ts';

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
});
const cases = Number(values.cases);
const seed = Number(values.seed);
const say = (...lines: string[]) => process.stdout.write(`${lines.join('\n')}\n`);

const { alike, stricter, refused, disagreements } = compare(cases, seed);
say(
  `node ${process.version}, llhttp ${process.versions['llhttp']}, seed ${seed}, ${cases} cases`,
  `${alike} messages read alike`,
  `${stricter} cases with a message that llhttp takes and tunneld refuses`,
  `${refused} cases that both refuse`,
  `${disagreements.length} disagreements`,
  ...disagreements.map((found) => JSON.stringify(found, undefined, 2)),
);
process.exitCode = disagreements.length === 0 ? 0 : 1;
for (const target of TARGETS) {
  const { ran, found } = await fuzz(target, cases, seed);
  say(
    `${ran} cases of ${target.name}${found === undefined ? '' : `, and case ${found.case} failed: ${found.error.stack}`}`,
  );
  if (found !== undefined) process.exitCode = 1;
}
