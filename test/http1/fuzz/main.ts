import { parseArgs } from 'node:util';
import { compare } from './compare.ts';

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
});
const cases = Number(values.cases);
const seed = Number(values.seed);
const { alike, stricter, refused, disagreements } = compare(cases, seed);
process.stdout.write(
  [
    `node ${process.version}, llhttp ${process.versions['llhttp']}, seed ${seed}, ${cases} cases`,
    `${alike} messages read alike`,
    `${stricter} cases with a message that llhttp takes and tunneld refuses`,
    `${refused} cases that both refuse`,
    `${disagreements.length} disagreements`,
    ...disagreements.map((found) => JSON.stringify(found, undefined, 2)),
    '',
  ].join('\n'),
);
process.exitCode = disagreements.length === 0 ? 0 : 1;
