import { TunneldError } from '../../core/errors.ts';
import { type Command, ExitCode } from '../command.ts';
import type { CheckReport } from '../doctor/check.ts';
import type { CliIo } from '../io.ts';
import { RELAY_CONFIG_OPTION, settingsInput } from '../relay/settings-options.ts';
import { printable, printableJson, printableLines } from '../render/printable.ts';

/** The auth provider gets five seconds to answer; nothing else takes long (milliseconds). */
const CHECK_LIMIT_MS = 8_000;

export const relayCheck: Command = {
  name: 'relay check',
  summary: "Look at a relay's settings, certificate, tokens and ports without starting it",
  positionals: [],
  options: {
    ...RELAY_CONFIG_OPTION,
    json: { type: 'boolean', summary: 'Print {"ok", "checks"}' },
  },
  examples: [
    ['tunneld relay check', 'The file in place and the variables of this shell.'],
    ['tunneld relay check --config ./relay.yaml', 'A file before it is put in place.'],
  ],
  notes: [
    'Exits with 0 when the relay could start so, else with 2. Warnings do not count. Looks at the file and at variables; settings that are options of `tunneld relay` are not seen. No output contains a token.',
  ],

  async run(args, io) {
    const [{ readRelaySettings }, { relayChecks }, { runChecks }] = await Promise.all([
      import('../../relayd/settings/read-settings.ts'),
      import('../relay/checks.ts'),
      import('../doctor/check.ts'),
    ]);
    const read = orRefusal(() => readRelaySettings(settingsInput(args, io.env)));
    const checks = await runChecks(relayChecks(read, io.clock), io.clock, CHECK_LIMIT_MS);
    const fine = checks.every(({ result }) => result !== 'bad');
    if (args.flag('json')) io.out(printableJson({ ok: fine, checks }, 2));
    else for (const check of checks) print(check, io);
    return fine ? ExitCode.ok : ExitCode.usage;
  },
};

function orRefusal<T>(read: () => T): T | TunneldError {
  try {
    return read();
  } catch (error) {
    if (error instanceof TunneldError) return error;
    throw error;
  }
}

function print({ id, result, detail, remedy }: CheckReport, io: CliIo): void {
  const colour = { ok: 'green', warn: 'yellow', bad: 'red', skipped: 'dim' } as const;
  const word = result === 'skipped' ? '-' : result;
  const [first = '', ...more] = printableLines(detail);
  io.out(`${io.paint[colour[result]](word.padEnd(4))}  ${id.padEnd(8)}  ${first}`);
  for (const line of more) io.out(`                ${line}`);
  if (remedy !== '') io.out(`                -> ${printable(remedy)}`);
}
