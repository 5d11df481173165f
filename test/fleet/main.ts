import { parseArgs } from 'node:util';
import { type FleetMember, fleet, isInstalled } from './fleet.ts';
import { type IdleReport, idle } from './idle.ts';

/**
 * `npm run idle`: real servers behind a built daemon that probes every five seconds, each with one
 * client that does nothing for ten minutes. At the end the server has to live, its client has to work,
 * and no session but the client's may be open, as the server counts them.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
  },
});
const minutes = values.quick ? 0.5 : Number(values.minutes);
if (!(minutes > 0)) throw new Error('--minutes takes a number above 0');

const unknown = values.only.filter((name) => !fleet.some((member) => member.name === name));
if (unknown.length > 0) {
  throw new Error(`${unknown.join(', ')}: not in the fleet (${fleet.map(({ name }) => name).join(', ')})`);
}
const chosen = fleet.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
for (const { name } of chosen.filter((member) => !isInstalled(member)))
  say(`${name}: not installed, left out`);
const members = chosen.filter(isInstalled);
if (members.length === 0) throw new Error('nothing is installed: scripts/install-fleet.sh');

say(`${members.length} servers, probed every 5 s, idle for ${minutes} min`);
const reports = await idle(members, minutes * 60_000, say);
for (const report of reports) say(lineOf(report));
const failed = reports.filter(({ faults }) => faults.length > 0);
say(failed.length === 0 ? 'every server is unharmed' : `${failed.length} of ${reports.length} were harmed`);
process.exitCode = failed.length === 0 ? 0 : 1;

function lineOf({ member, verdict, sessions, faults }: IdleReport): string {
  const counted = sessions === undefined ? 'sessions unknown' : `sessions ${JSON.stringify(sessions)}`;
  return `${nameOf(member)} ${faults.length === 0 ? 'ok   ' : 'FAILS'} ${verdict}, ${counted}${faults.map((fault) => `\n    ${fault}`).join('')}`;
}

function nameOf({ name }: FleetMember): string {
  return name.padEnd(24);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
