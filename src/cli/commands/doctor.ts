import { type Command, ExitCode } from '../command.ts';
import type { CheckReport, CheckResult } from '../doctor/check.ts';
import type { CliIo, Paint } from '../io.ts';
import { printable, printableJson, printableLines } from '../render/printable.ts';
import { typedRemedy } from '../render/remedy.ts';
import { wrapped } from '../render/wrap.ts';

export const doctor: Command = {
  name: 'doctor',
  summary: 'Find out what is wrong, and name the first thing to fix',
  positionals: [{ name: 'name', required: false }],
  options: {
    explain: { type: 'boolean', summary: 'Also say what each check looks at' },
    json: { type: 'boolean', summary: 'Print {"ok", "first", "checks"}' },
  },
  examples: [
    ['tunneld doctor', 'This machine, the daemon and every tunnel, causes before consequences.'],
    ['tunneld doctor figma', 'The same with one tunnel.'],
    ['tunneld doctor --json | jq .first', 'For scripts; null when nothing is wrong.'],
  ],
  notes: [
    'Exits with 0 when nothing is bad (warnings do not count), else with 1. A check that hangs is given up after 8 seconds. No output contains a token.',
    'Without a daemon the machine and the servers of the config file are looked at; what lies behind needs it running.',
  ],

  async run(args, io) {
    const progress = await io.progress('Looking');
    const [{ examine }, { firstOf }] = await Promise.all([
      import('../doctor/examine.ts'),
      import('../doctor/check.ts'),
    ]);
    const checks = await examine(args.positionals[0], io).finally(() => progress.done());
    const first = firstOf(checks);
    const fine = first?.result !== 'bad';
    if (args.flag('json')) {
      io.out(printableJson({ ok: fine, first: first ?? null, checks }, 2));
    } else print(checks, first, args.flag('explain'), io);
    return fine ? ExitCode.ok : ExitCode.no;
  },
};

function print(
  checks: readonly CheckReport[],
  first: CheckReport | undefined,
  explain: boolean,
  io: CliIo,
): void {
  const { paint } = io;
  const { columns } = io.size();
  if (first === undefined) io.out(paint.bold('Nothing is wrong.'));
  else {
    const [what = '', ...more] = printableLines(first.detail);
    const lead = first.result === 'bad' ? 'First to fix' : 'Nothing is broken. To know';
    for (const line of wrapped(`${lead}: ${titleOf(first)}: ${what}`, columns, 2)) io.out(paint.bold(line));
    for (const line of more) io.out(`  ${line}`);
    for (const line of wrapped(`  -> ${remedyOf(first)}`, columns, 5)) io.out(line);
  }
  io.out('');
  const width = Math.max(...checks.map((check) => titleOf(check).length));
  const blank = ' '.repeat(width);
  for (const check of checks) {
    const [detail = '', ...more] = printableLines(check.detail);
    const hang = width + 8;
    const [first = '', ...below] = wrapped(`${' '.repeat(hang)}${detail}`, columns, hang);
    io.out(`${mark(check.result, paint)}  ${titleOf(check).padEnd(width)}  ${first.slice(hang)}`);
    const rest = [
      ...below,
      ...more.flatMap((line) => wrapped(`      ${blank}  ${line}`, columns, hang)),
      ...(explain ? wrapped(`      ${blank}  ${check.about}`, columns, hang).map(paint.dim) : []),
      ...(check.remedy === '' ? [] : wrapped(`      ${blank}  -> ${remedyOf(check)}`, columns, hang + 3)),
    ];
    for (const line of rest) io.out(line);
  }
}

function remedyOf({ tunnel, remedy }: CheckReport): string {
  return printable(tunnel === undefined ? remedy : typedRemedy(remedy, tunnel));
}

function titleOf({ id, tunnel }: CheckReport): string {
  return tunnel === undefined ? id : `${tunnel}: ${id}`;
}

function mark(result: CheckResult, paint: Paint): string {
  switch (result) {
    case 'ok':
      return paint.green('ok  ');
    case 'warn':
      return paint.yellow('warn');
    case 'bad':
      return paint.red('bad ');
    case 'skipped':
      return paint.dim('-   ');
  }
}
