import { isFine, stateWord, troubleOf } from '../../core/readiness.ts';
import type { TunnelStatus } from '../../core/status.ts';
import type { Paint } from '../io.ts';
import { age } from './age.ts';
import { printable } from './printable.ts';
import { typedRemedy } from './remedy.ts';
import { table } from './table.ts';
import { warningsOf } from './warnings.ts';
import { wrapped } from './wrap.ts';

/**
 * `tunneld status`: a row a tunnel, and under an unhealthy one its cause and what to do. Where the
 * terminal is too narrow for the addresses they go below the row.
 */
export function statusTable(
  tunnels: readonly TunnelStatus[],
  now: number,
  paint: Paint,
  columns: number,
): readonly string[] {
  if (tunnels.length === 0) return ['No tunnels yet. Bring one up: `tunneld up <name> --port <port>`.'];
  const cells = [
    ['NAME', 'STATE', 'SINCE', 'URL', 'UPSTREAM'],
    ...tunnels.map((tunnel) => cellsOf(tunnel, now)),
  ];
  const whole = table(cells);
  const narrow = whole.some((row) => row.length > columns);
  const [header = '', ...rows] = narrow ? table(cells.map((row) => row.slice(0, 3))) : whole;
  const lines = tunnels.flatMap((tunnel, row) => {
    const [, , , url = '', upstream = ''] = cellsOf(tunnel, now);
    const below: readonly Remark[] = narrow
      ? [
          { label: 'url', text: url },
          { label: 'server', text: upstream },
        ]
      : [];
    const said = [...below, ...remarks(tunnel, now)].flatMap((remark) =>
      remarkLines(remark, 7, paint, columns),
    );
    return [coloured(rows[row] ?? '', tunnel, paint), ...said];
  });
  return [paint.bold(header), ...lines];
}

function cellsOf(tunnel: TunnelStatus, now: number): readonly string[] {
  return [
    tunnel.name,
    stateWord(tunnel),
    age(tunnel.state === 'up' ? tunnel.health.since : tunnel.since, now),
    printable(tunnel.mcpUrl ?? '-'),
    printable(tunnel.upstream),
  ];
}

/** Something about a tunnel, with what it is about. */
export interface Remark {
  readonly label: string;
  readonly text: string;
  /** Not to be overlooked. */
  readonly loud?: boolean;
}

/** `  why     …`, broken where the terminal ends. */
export function remarkLines(
  { label, text, loud = false }: Remark,
  width: number,
  paint: Paint,
  columns: number,
): readonly string[] {
  const hang = width + 3;
  const [first = '', ...more] = wrapped(`  ${label.padEnd(width)} ${printable(text)}`, columns, hang);
  if (loud) return [first, ...more].map((line) => paint.yellow(line));
  return [`  ${paint.dim(label.padEnd(width))} ${first.slice(hang)}`, ...more];
}

/** What a row cannot say: why it does not serve, when it is tried again, that it has no lock. */
export function remarks(status: TunnelStatus, now: number): readonly Remark[] {
  const trouble = troubleOf(status);
  const lines: Remark[] = [];
  if (trouble !== undefined) lines.push({ label: 'why', text: trouble.why });
  if (trouble !== undefined && trouble.fix !== '') {
    lines.push({ label: 'fix', text: typedRemedy(trouble.fix, status.name) });
  }
  if (status.nextRetryAt !== undefined) {
    const wait = Math.max(0, Math.ceil((status.nextRetryAt - now) / 1_000));
    lines.push({ label: 'next', text: `attempt ${status.attempts + 1} in ${wait} s` });
  }
  if (status.insecurePublic) {
    lines.push({
      label: 'open',
      text: 'no access token: anybody with the URL reaches the server',
      loud: true,
    });
  }
  for (const text of warningsOf(status)) lines.push({ label: 'note', text, loud: true });
  return lines;
}

function coloured(row: string, status: TunnelStatus, paint: Paint): string {
  const word = stateWord(status);
  const colour =
    status.desired === 'down' ? paint.dim : isFine(status) ? paint.green : colourOf(status, paint);
  return row.replace(` ${word} `, ` ${colour(word)} `);
}

/** Yellow is on its way by itself; red waits for the user. */
function colourOf({ state, health }: TunnelStatus, paint: Paint): (text: string) => string {
  if (state === 'failed') return paint.red;
  return state !== 'up' || health.verdict === 'unknown' ? paint.yellow : paint.red;
}
