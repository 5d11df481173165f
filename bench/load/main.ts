/**
 * `npm run load [-- --quick]`: a relay with everything on it at once that it promises to bear. Ends
 * with 1 when a promise was not kept.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { loadReport } from './report.ts';
import { runLoad } from './run.ts';
import { FULL, SMOKE } from './scale.ts';

const { values } = parseArgs({ options: { quick: { type: 'boolean' } } });
const found = await runLoad(values.quick === true ? SMOKE : FULL, (what) => {
  process.stderr.write(`load: ${what}\n`);
});
const machine = `${new Date().toISOString()} · Node ${process.version} · ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`;
process.stdout.write(`${machine}\n\n${loadReport(found)}\n`);
process.exitCode = found.checks.every(({ met }) => met) ? 0 : 1;
