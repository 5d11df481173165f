import { type Reason, STOPPING, unreadiness } from '../../core/readiness.ts';
import { type Command, ExitCode, type ParsedArgs } from '../command.ts';
import type { CliIo } from '../io.ts';
import { usage } from '../parse.ts';
import { printable, printableJson } from '../render/printable.ts';

const RELAY_ADMIN_PORT = '8081';

export const ready: Command = {
  name: 'ready',
  summary: 'Say by the exit code whether the tunnels serve, for health checks and scripts',
  positionals: [{ name: 'name', required: false }],
  options: {
    relay: { type: 'boolean', summary: 'Ask the `tunneld relay` of this machine instead of the daemon' },
    'admin-port': {
      type: 'string',
      value: 'port',
      summary: `Admin port of that relay; default: $TUNNELD_RELAY_ADMIN_PORT, else ${RELAY_ADMIN_PORT}`,
    },
    json: { type: 'boolean', summary: 'Print {"ready", "reasons"}' },
  },
  examples: [
    ['tunneld ready', 'As HEALTHCHECK CMD ["tunneld", "ready"] in a Dockerfile.'],
    ['tunneld ready figma', 'In a script: until tunneld ready figma; do sleep 1; done'],
    ['tunneld ready --relay', 'The same for a relay.'],
  ],
  notes: [
    'Prints nothing when it is ready, else the reasons that `tunneld status` shows, on standard error. Exits with 0 when ready, 1 when not, 3 when no tunnel has that name, 4 when no daemon answers. Without a name every tunnel that is wanted up has to serve.',
    'With --relay it exits with 0 when the relay takes agents and visitors, and with 1 when it is ending or does not answer.',
  ],

  async run(args, io) {
    const reasons = args.flag('relay') ? await relayReasons(args, io) : await tunnelReasons(args, io);
    if (args.flag('json')) io.out(printableJson({ ready: reasons.length === 0, reasons }, 2));
    else
      for (const { name, state, why } of reasons)
        io.err(printable(`${name} is ${state}${why && `: ${why}`}`));
    return reasons.length === 0 ? ExitCode.ok : ExitCode.no;
  },
};

async function tunnelReasons(args: ParsedArgs, io: CliIo): Promise<readonly Reason[]> {
  if (args.given('admin-port')) throw usage(ready, '--admin-port is the port of a relay: add --relay');
  const client = await io.daemon();
  const [name] = args.positionals;
  const tunnels = name === undefined ? await client.list() : [await client.status(name)];
  const reasons = unreadiness(tunnels, name !== undefined);
  return (await client.info()).stopping === true ? [STOPPING, ...reasons] : reasons;
}

async function relayReasons(args: ParsedArgs, io: CliIo): Promise<readonly Reason[]> {
  const [name] = args.positionals;
  if (name !== undefined) throw usage(ready, `a relay is ready as a whole: drop "${name}"`);
  const port = args.text('admin-port') ?? (io.env['TUNNELD_RELAY_ADMIN_PORT'] || RELAY_ADMIN_PORT);
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535) throw usage(ready, `"${port}" is not a port`);
  const { relayUnreadiness } = await import('../relay/readiness.ts');
  const why = await relayUnreadiness(Number(port));
  const fix = 'See what the relay logs; it needs an admin port (`--admin-port`) to be asked.';
  return why === undefined ? [] : [{ name: 'relay', state: 'not ready', why, fix }];
}
