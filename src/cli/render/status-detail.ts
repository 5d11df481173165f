import { stateWord } from '../../core/readiness.ts';
import type { LegReport, TunnelStatus } from '../../core/status.ts';
import type { Paint } from '../io.ts';
import { age } from './age.ts';
import { remarkLines, remarks } from './status-table.ts';

/** `tunneld status <name>`: everything the daemon knows of one tunnel, both legs included. */
export function statusDetail(
  status: TunnelStatus,
  now: number,
  paint: Paint,
  columns: number,
): readonly string[] {
  const { health, session, requests } = status;
  const since = age(status.state === 'up' ? health.since : status.since, now);
  const facts: (readonly [label: string, text: string | undefined])[] = [
    ['url', status.mcpUrl],
    ['upstream', status.upstream],
    ['provider', status.provider],
    ['defined', status.source === 'file' ? 'in the config file' : 'by `tunneld up`'],
    ['wanted', status.desired],
    ['server', health.server === undefined ? undefined : `${health.server} (${health.era})`],
    ['local', legText(health.local, now)],
    ['public', legText(health.public, now)],
    ['session', session === undefined ? undefined : sessionText(session, now)],
    ['requests', `${requests.total} so far, ${requests.active} in flight`],
    [
      'replaced',
      status.replacements === 0 ? undefined : `${status.replacements} times since the daemon started`,
    ],
  ];
  const known = facts.flatMap(([label, text]) => (text === undefined ? [] : [{ label, text }]));
  return [
    `${paint.bold(status.name)}  ${stateWord(status)} (${since})`,
    ...[...known, ...remarks(status, now)].flatMap((remark) => remarkLines(remark, 9, paint, columns)),
  ];
}

function legText(leg: LegReport | undefined, now: number): string | undefined {
  if (leg === undefined) return undefined;
  const latency = leg.latencyMs === undefined ? '' : ` in ${Math.round(leg.latencyMs)} ms`;
  const basis = leg.basis === undefined ? '' : ` by ${leg.basis}`;
  return `${leg.finding}${basis}${latency}, ${agoText(leg.at, now)}: ${plainDetail(leg.detail)}`;
}

/** An error in answer to our question is what servers of many kinds say when they are well. */
function plainDetail(detail: string): string {
  return detail.replace(
    /^the server answers \(JSON-RPC error (-?\d+)\)$/,
    'the server answers, though not what was asked ($1), as many do',
  );
}

function sessionText(session: NonNullable<TunnelStatus['session']>, now: number): string {
  const end = session.expiresAt === undefined ? '' : `, ends in ${age(now, session.expiresAt)}`;
  return `no. ${session.generation}, opened ${agoText(session.openedAt, now)}${end}`;
}

function agoText(at: number, now: number): string {
  const text = age(at, now);
  return text === 'now' ? 'just now' : `${text} ago`;
}
