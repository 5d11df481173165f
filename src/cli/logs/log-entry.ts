import { parseJson } from '../../core/parse-json.ts';

/** One line of a log, as far as everybody who reads logs needs it. */
export interface LogEntry {
  /** Unix milliseconds. */
  readonly time: number;
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Lowest first. */
export const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** Undefined for what is no entry: a daemon killed in the middle of a line leaves half of one. */
export function parseEntry(line: string): LogEntry | undefined {
  const fields = parseJson(line);
  if (typeof fields !== 'object' || fields === null) return undefined;
  const { time, level } = fields as { time?: unknown; level?: unknown };
  const parsed = Date.parse(String(time));
  if (Number.isNaN(parsed)) return undefined;
  return { time: parsed, level: String(level), fields: { ...fields } };
}

export interface LogFilter {
  /** Unix milliseconds; older entries are left out. */
  readonly since: number;
  /** This level and those above it. */
  readonly level: (typeof LEVELS)[number];
}

export function passes(entry: LogEntry, { since, level }: LogFilter): boolean {
  return entry.time >= since && rankOf(entry.level) >= LEVELS.indexOf(level);
}

/** A level we do not know (`fatal`) is shown rather than lost. */
function rankOf(level: string): number {
  const rank = LEVELS.indexOf(level as (typeof LEVELS)[number]);
  return rank === -1 ? LEVELS.length : rank;
}
