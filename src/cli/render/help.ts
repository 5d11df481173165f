import type { Command, Option } from '../command.ts';
import { usageOf } from '../parse.ts';
import { table } from './table.ts';
import { wrapped } from './wrap.ts';

/** `tunneld help`: all verbs by what they are about. */
export function overview(
  summaries: Readonly<Record<string, string>>,
  aliases: Readonly<Record<string, string>>,
  columns: number,
): readonly string[] {
  const rows = SECTIONS.map(({ title, verbs }) => ({
    title,
    rows: verbs.flatMap((verb) => {
      const summary = summaries[verb];
      return summary === undefined ? [] : [[`  ${namesOf(verb, aliases)}`, summary]];
    }),
  }));
  const flat = rows.flatMap((section) => section.rows);
  const lines = table(flat).map((line) => wrapped(line, columns, widthOf(flat)));
  const padded = [...lines];
  return [
    'tunneld keeps a public URL in front of your local MCP server, and keeps it working.',
    '',
    'Usage: tunneld <verb> [options]',
    ...rows.flatMap((section) => ['', `${section.title}:`, ...padded.splice(0, section.rows.length).flat()]),
    '',
    '`tunneld help <verb>` or `tunneld <verb> --help` explains a verb. Start with:',
    '',
    '  tunneld up figma --port 3845',
  ].flatMap((line) => wrapped(line, columns, 0));
}

/** `tunneld <verb> --help`. */
export function commandHelp(
  command: Command,
  aliases: Readonly<Record<string, string>>,
  columns: number,
): readonly string[] {
  const options = Object.entries(command.options).map(([name, option]) => [
    `  ${spelling(name, option)}`,
    option.multiple === true ? `${option.summary} (repeatable)` : option.summary,
  ]);
  const rows = [...options, ['  -h, --help', 'Show this help']];
  const alias = Object.keys(aliases).filter((name) => aliases[name] === command.name);
  return [
    `${command.summary}.`,
    '',
    `Usage: ${usageOf(command)}`,
    ...alias.map((name) => `       tunneld ${name} is the same`),
    '',
    'Options:',
    ...table(rows).flatMap((line) => wrapped(line, columns, widthOf(rows))),
    '',
    'Examples:',
    ...command.examples.flatMap(([line, effect]) => [`  ${line}`, ...wrapped(`      ${effect}`, columns, 6)]),
    // A terminal of 80 columns is still the common one, and wider lines are hard to read.
    ...(command.notes ?? []).flatMap((note) => ['', ...wrapped(note, Math.min(columns, 80), 0)]),
  ];
}

/** `tunneld token`: a group typed without its second word. */
export function groupHelp(group: string, commands: readonly Command[]): readonly string[] {
  return [
    `Usage: tunneld ${group} <verb> [options]`,
    '',
    ...table(commands.map((command) => [`  ${command.name}`, command.summary])),
  ];
}

/** How an option is written: `-n, --lines <count>`, `--wait[=<duration>]`. */
export function spelling(name: string, option: Option): string {
  const short = option.short === undefined ? '' : `-${option.short}, `;
  if (option.type === 'boolean') return `${short}--${name}`;
  const value = `<${option.value}>`;
  return option.bareValue === undefined ? `${short}--${name} ${value}` : `${short}--${name}[=${value}]`;
}

const SECTIONS = [
  {
    title: 'Tunnels',
    verbs: [
      'up',
      'set',
      'unset',
      'down',
      'restart',
      'status',
      'ready',
      'doctor',
      'url',
      'client',
      'logs',
      'inspect',
      'token show',
      'token rotate',
      'rm',
    ],
  },
  {
    title: 'Daemon',
    verbs: ['daemon run', 'daemon start', 'daemon stop', 'daemon restart', 'daemon status'],
  },
  {
    title: 'Service',
    verbs: [
      'service install',
      'service uninstall',
      'service start',
      'service stop',
      'service restart',
      'service status',
      'service logs',
    ],
  },
  { title: 'Relay of your own', verbs: ['relay', 'relay check', 'relay-token new'] },
  { title: 'Configuration', verbs: ['import', 'config check', 'config show', 'config path'] },
  { title: 'More', verbs: ['demo', 'gen-key', 'completion', 'man', 'version', 'help'] },
] as const;

function namesOf(verb: string, aliases: Readonly<Record<string, string>>): string {
  return [verb, ...Object.keys(aliases).filter((alias) => aliases[alias] === verb)].join(', ');
}

/** Where the second of two columns begins. */
function widthOf(rows: readonly (readonly string[])[]): number {
  return Math.max(...rows.map(([first = '']) => first.length)) + 2;
}
