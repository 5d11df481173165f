import { isFine } from '../../core/readiness.ts';
import type { TunnelStatus } from '../../core/status.ts';
import { type Command, ExitCode } from '../command.ts';
import type { DaemonClient } from '../daemon-client.ts';
import { printableJson } from '../render/printable.ts';
import { loadLines, statusLines } from '../render/status-lines.ts';

export const status: Command = {
  name: 'status',
  summary: 'Show every tunnel, its health and its URL',
  positionals: [{ name: 'name', required: false }],
  options: {
    json: { type: 'boolean', summary: 'Print JSON: an array, or one object when a name is given' },
    watch: { type: 'boolean', short: 'w', summary: 'Stay, and show every change' },
  },
  examples: [
    ['tunneld status', 'One row a tunnel; under an unhealthy one why, and what to do.'],
    ['tunneld status figma', 'Both legs of one tunnel in detail.'],
    ['tunneld status figma --json | jq -r .health.verdict', 'For scripts.'],
  ],
  notes: [
    'Exits with 0 when every tunnel shown that is wanted up is healthy (or degraded: slow, but answering), and with 1 otherwise.',
    'With --watch --json, prints one line of JSON for every tunnel that changed, and `{"removed": name}` for one that is gone.',
  ],

  async run(args, io) {
    const client = await io.daemon();
    const [name] = args.positionals;
    if (args.flag('watch'))
      return (await import('../watch-status.ts')).watchStatus(name, args.flag('json'), client, io);
    const json = args.flag('json');
    // What prints is loaded while the daemon answers.
    const [tunnels] = await Promise.all([readStatus(name, client), json || loadLines(name)]);
    if (json) io.out(printableJson(name === undefined ? tunnels : tunnels[0], 2));
    else for (const line of await statusLines(name, tunnels, io)) io.out(line);
    return tunnels.every(isFine) ? ExitCode.ok : ExitCode.no;
  },
};

async function readStatus(name: string | undefined, client: DaemonClient): Promise<readonly TunnelStatus[]> {
  return name === undefined ? client.list() : [await client.status(name)];
}
