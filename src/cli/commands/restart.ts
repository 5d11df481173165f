import { stateWord } from '../../core/readiness.ts';
import { type Command, ExitCode, type ParsedArgs } from '../command.ts';
import type { CliIo } from '../io.ts';
import { usage } from '../parse.ts';
import { printableJson } from '../render/printable.ts';
import { reportUnsettled } from '../report.ts';
import { settle } from '../settle.ts';
import { WAIT_OPTIONS, waitOf } from '../wait-option.ts';

export const restart: Command = {
  name: 'restart',
  summary: 'Replace the session of a tunnel now',
  positionals: [{ name: 'name', required: false, rest: true }],
  options: {
    all: { type: 'boolean', summary: 'Restart every tunnel that is wanted up' },
    ...WAIT_OPTIONS,
    json: { type: 'boolean', summary: 'Print the resulting status, as an array' },
  },
  examples: [
    ['tunneld restart figma', 'Cuts a back-off short, and tries again after a failure that had stopped it.'],
    ['tunneld restart --all --no-wait', 'Returns at once.'],
  ],
  notes: [
    'Exits like `tunneld up`: 0 when it serves, 5 when it did not in time, 1 when waiting would not help.',
  ],

  async run(args, io) {
    const waitMs = waitOf(args);
    const client = await io.daemon();
    const names = await namesToRestart(args, io);
    const wanted = await Promise.all(
      names.map(async (name) => {
        const { session } = await client.status(name);
        await client.restart(name);
        return session === undefined ? { name } : { name, afterGeneration: session.generation };
      }),
    );
    const settled = waitMs === undefined ? undefined : await settle(wanted, waitMs, client, io);
    const statuses = await Promise.all(
      names.map(async (name) => settled?.get(name)?.status ?? (await client.status(name))),
    );
    if (args.flag('json')) io.out(printableJson(statuses, 2));
    else for (const status of statuses) io.out(`${status.name} is ${stateWord(status)}`);
    return settled === undefined
      ? ExitCode.ok
      : await reportUnsettled([...settled.values()], waitMs ?? 0, io, args.flag('json'));
  },
};

async function namesToRestart(args: ParsedArgs, io: CliIo): Promise<readonly string[]> {
  const names = [...new Set(args.positionals)];
  if (args.flag('all') === names.length > 0) {
    throw usage(restart, 'tunneld restart needs either the name of a tunnel or --all');
  }
  if (names.length > 0) return names;
  const tunnels = await (await io.daemon()).list();
  return tunnels.filter(({ desired }) => desired === 'up').map((tunnel) => tunnel.name);
}
