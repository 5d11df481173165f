import { type Command, ExitCode } from '../command.ts';
import { printable, printableJson } from '../render/printable.ts';
import { isFine, isServing, stateWord, troubleOf } from '../render/status-line.ts';

export const ready: Command = {
  name: 'ready',
  summary: 'Say by the exit code whether the tunnels serve, for health checks and scripts',
  positionals: [{ name: 'name', required: false }],
  options: { json: { type: 'boolean', summary: 'Print {"ready", "reasons"}' } },
  examples: [
    ['tunneld ready', 'As HEALTHCHECK CMD ["tunneld", "ready"] in a Dockerfile.'],
    ['tunneld ready figma', 'In a script: until tunneld ready figma; do sleep 1; done'],
  ],
  notes: [
    'Prints nothing when it is ready, else the reasons that `tunneld status` shows, on standard error. Exits with 0 when ready, 1 when not, 3 when no tunnel has that name, 4 when no daemon answers. Without a name every tunnel that is wanted up has to serve.',
  ],

  async run(args, io) {
    const client = await io.daemon();
    const [name] = args.positionals;
    const tunnels = name === undefined ? await client.list() : [await client.status(name)];
    // One that is down on purpose is no reason to complain, unless it is asked for.
    const failing = tunnels.filter((tunnel) => !(name === undefined ? isFine(tunnel) : isServing(tunnel)));
    const reasons = failing.map((tunnel) => {
      const { why, fix } = troubleOf(tunnel) ?? { why: '', fix: '' };
      return { name: tunnel.name, state: stateWord(tunnel), why, fix };
    });
    if (args.flag('json')) io.out(printableJson({ ready: reasons.length === 0, reasons }, 2));
    else
      for (const { name: of, state, why } of reasons)
        io.err(printable(`${of} is ${state}${why && `: ${why}`}`));
    return reasons.length === 0 ? ExitCode.ok : ExitCode.no;
  },
};
