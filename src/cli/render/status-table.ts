import { isFine, stateWord, troubleOf } from '../../core/readiness.ts';
import type { TunnelStatus } from '../../core/status.ts';
import type { Paint } from '../io.ts';
import { age } from './age.ts';
import { printable } from './printable.ts';
import { table } from './table.ts';

/** `tunneld status`: a row a tunnel, and under an unhealthy one its cause and what to do. */
export function statusTable(tunnels: readonly TunnelStatus[], now: number, paint: Paint): readonly string[] {
  if (tunnels.length === 0) return ['No tunnels yet. Bring one up: `tunneld up <name> --port <port>`.'];
  const [header = '', ...rows] = table([
    ['NAME', 'STATE', 'SINCE', 'URL', 'UPSTREAM'],
    ...tunnels.map((tunnel) => [
      tunnel.name,
      stateWord(tunnel),
      age(tunnel.state === 'up' ? tunnel.health.since : tunnel.since, now),
      printable(tunnel.mcpUrl ?? '-'),
      printable(tunnel.upstream),
    ]),
  ]);
  const lines = tunnels.flatMap((tunnel, row) => [
    coloured(rows[row] ?? '', tunnel, paint),
    ...remarks(tunnel, now).map(([label, text]) => `  ${paint.dim(label.padEnd(7))} ${printable(text)}`),
  ]);
  return [paint.bold(header), ...lines];
}

/** What a row cannot say: why it does not serve, when it is tried again, that it has no lock. */
export function remarks(
  status: TunnelStatus,
  now: number,
): readonly (readonly [label: string, text: string])[] {
  const trouble = troubleOf(status);
  const lines: [string, string][] = [];
  if (trouble !== undefined) lines.push(['why', trouble.why]);
  if (trouble !== undefined && trouble.fix !== '') lines.push(['fix', trouble.fix]);
  if (status.nextRetryAt !== undefined) {
    const wait = Math.max(0, Math.ceil((status.nextRetryAt - now) / 1_000));
    lines.push(['next', `attempt ${status.attempts + 1} in ${wait} s`]);
  }
  if (status.insecurePublic) lines.push(['open', 'no access token: anybody with the URL reaches the server']);
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
