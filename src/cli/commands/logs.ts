import { TunneldError } from '../../core/errors.ts';
import { type Command, ExitCode, type ParsedArgs } from '../command.ts';
import type { CliIo } from '../io.ts';
import { follow } from '../logs/follow.ts';
import { lastEntries } from '../logs/last-entries.ts';
import { LEVELS, type LogEntry, type LogFilter, passes } from '../logs/log-entry.ts';
import { chooseLogs } from '../logs/log-files.ts';
import { usage } from '../parse.ts';
import { parseDuration } from '../render/duration.ts';
import { logLine } from '../render/log-line.ts';
import { printableJson } from '../render/printable.ts';

const DEFAULT_LINES = 50;

export const logs: Command = {
  name: 'logs',
  summary: 'Show what happened: state changes with their causes, requests, mistakes',
  positionals: [{ name: 'name', required: false }],
  options: {
    follow: { type: 'boolean', short: 'f', summary: 'Stay, and show what is logged from now on' },
    lines: {
      type: 'string',
      short: 'n',
      value: 'count',
      summary: `Show the last so many; default: ${DEFAULT_LINES}, or all of them with --since`,
    },
    since: { type: 'string', value: 'time', summary: 'Nothing older: 10m, 2h, or a date (2026-11-21T03:00)' },
    level: {
      type: 'string',
      value: 'level',
      values: LEVELS,
      summary: `This level and above: ${LEVELS.join(', ')}`,
    },
    json: { type: 'boolean', summary: 'Print the entries as they are stored, one JSON object a line' },
  },
  examples: [
    ['tunneld logs figma -f', 'The last 50 entries, then every new one.'],
    ['tunneld logs --since 10m --level warn', 'All tunnels and the daemon, by time.'],
    ['tunneld logs daemon', 'What the daemon says of itself.'],
    ['tunneld logs figma --json | jq -r "select(.kind == \\"request\\") | .rpc.name"', 'The tools called.'],
  ],
  notes: [
    'Reads the files in the log folder (`tunneld config path --json`), so it works without a daemon too.',
  ],

  async run(args, io) {
    const [name] = args.positionals;
    const { logDir } = io.paths();
    const filter = { since: sinceOf(args, io), level: levelOf(args) };
    const limit = limitOf(args);
    const files = await chooseLogs(logDir, name);
    const pages = await Promise.all(files.map((log) => lastEntries(log, limit, filter)));
    const entries = pages.flatMap((page) => page.entries).toSorted((a, b) => a.time - b.time);
    const print = printer(args, name, io);
    // Not `slice(-limit)`: the last 0 of them are none, not all.
    for (const entry of entries.slice(Math.max(0, entries.length - limit))) print(entry);
    if (!args.flag('follow')) return ExitCode.ok;

    const ends = new Map(files.map((log, index) => [log.name, pages[index]?.end ?? 0]));
    for await (const batch of follow(logDir, name, ends, io.clock, io.interrupted())) {
      for (const entry of batch) if (passes(entry, filter)) print(entry);
    }
    return ExitCode.ok;
  },
};

function printer(args: ParsedArgs, name: string | undefined, io: CliIo): (entry: LogEntry) => void {
  if (args.flag('json')) return ({ fields }) => io.out(printableJson(fields));
  return (entry) => io.out(logLine(entry, name === undefined, io.paint));
}

function limitOf(args: ParsedArgs): number {
  const text = args.text('lines');
  if (text === undefined) return args.given('since') ? Number.POSITIVE_INFINITY : DEFAULT_LINES;
  if (!/^\d{1,9}$/.test(text)) throw usage(logs, `--lines=${text} is not a number of lines`);
  return Number(text);
}

/** A date, or how long ago. */
function sinceOf(args: ParsedArgs, io: CliIo): number {
  const text = args.text('since');
  if (text === undefined) return Number.NEGATIVE_INFINITY;
  const date = /^\d{4}-/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(date)) return date;
  try {
    return io.clock.now() - parseDuration('--since', text);
  } catch (cause) {
    if (!(cause instanceof TunneldError)) throw cause;
    throw usage(logs, `--since=${text} is neither a duration (10m, 2h) nor a date (2026-11-21T03:00)`);
  }
}

function levelOf(args: ParsedArgs): LogFilter['level'] {
  const text = args.text('level') ?? 'debug';
  const level = LEVELS.find((known) => known === text);
  if (level === undefined) throw usage(logs, `--level=${text} is not one of ${LEVELS.join(', ')}`);
  return level;
}
