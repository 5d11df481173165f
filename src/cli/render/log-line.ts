import type { Paint, Style } from '../io.ts';
import type { LogEntry } from '../logs/log-entry.ts';
import { printable } from './printable.ts';

/**
 * One entry as one line for people: time, level, tunnel, what happened, its facts.
 *
 * @param showTunnel several logs are mixed
 */
export function logLine({ time, level, fields }: LogEntry, showTunnel: boolean, paint: Paint): string {
  const colour = LEVEL_STYLES[level];
  const word = printable(level).padEnd(5);
  const tunnel = typeof fields['tunnel'] === 'string' ? fields['tunnel'] : 'daemon';
  return [
    paint.dim(localTime(time)),
    colour === undefined ? word : paint[colour](word),
    ...(showTunnel ? [paint.cyan(printable(tunnel))] : []),
    printable(textOf(fields)),
  ].join(' ');
}

type Fields = LogEntry['fields'];

const LEVEL_STYLES: Readonly<Record<string, Style>> = {
  debug: 'dim',
  warn: 'yellow',
  error: 'red',
  fatal: 'red',
};

/** Shown elsewhere in the line. */
const TOLD = new Set(['time', 'level', 'tunnel', 'msg', 'kind']);

function textOf(fields: Fields): string {
  if (fields['kind'] === 'request') return requestText(fields);
  const message = String(fields['msg'] ?? '');
  if (fields['from'] !== undefined && fields['to'] !== undefined) return `${message}: ${changeText(fields)}`;
  return [message, ...factsOf(fields, TOLD)].join(' ');
}

/** `POST /mcp tools/call echo 200 12 ms 340 B bearer 203.0.113.7` */
function requestText(fields: Fields): string {
  const rpc = isRecord(fields['rpc']) ? fields['rpc'] : {};
  const outcome = fields['outcome'];
  return [
    fields['method'],
    fields['path'],
    rpc['method'],
    rpc['name'],
    rpc['batch'] === undefined ? undefined : `(batch of ${rpc['batch']})`,
    // Status 0: the caller left before there was one.
    fields['status'] === 0 ? '-' : fields['status'],
    typeof fields['durationMs'] === 'number' ? `${Math.round(fields['durationMs'])} ms` : undefined,
    typeof fields['responseBytes'] === 'number' ? bytesText(fields['responseBytes']) : undefined,
    fields['sse'] === true ? 'sse' : undefined,
    fields['carrier'],
    fields['client'],
    outcome === 'complete' ? undefined : outcome,
    fields['reason'] === undefined ? undefined : `(${fields['reason']})`,
  ]
    .filter((part) => part !== undefined && part !== '')
    .join(' ');
}

function changeText(fields: Fields): string {
  const { from, event, to, cause, ...rest } = fields;
  const why = typeof cause === 'string' && cause !== '' ? `: ${cause}` : '';
  const facts = factsOf(rest, TOLD).map((fact) => ` ${fact}`);
  const by = event === undefined ? '' : ` (${event})`;
  return `${from} -> ${to}${by}${why}${facts.join('')}`;
}

function factsOf(fields: Fields, told: ReadonlySet<string>): readonly string[] {
  return Object.entries(fields).flatMap(([key, value]) =>
    told.has(key) || value === undefined || value === null ? [] : [`${key}=${valueText(value)}`],
  );
}

function valueText(value: unknown): string {
  if (isRecord(value)) {
    // An error, as the logger writes it: its stack is in the file, and in `--json`.
    return typeof value['message'] === 'string' ? JSON.stringify(value['message']) : JSON.stringify(value);
  }
  const text = String(value);
  return /\s/.test(text) ? JSON.stringify(text) : text;
}

function bytesText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** `2026-11-21 03:21:00.123` where the reader is. */
function localTime(time: number): string {
  return new Date(time - new Date(time).getTimezoneOffset() * 60_000)
    .toISOString()
    .replace('T', ' ')
    .slice(0, 23);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
