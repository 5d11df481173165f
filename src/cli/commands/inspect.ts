import { TunneldError } from '../../core/errors.ts';
import { type Command, ExitCode } from '../command.ts';
import { usage } from '../parse.ts';
import { findingLines } from '../render/findings.ts';
import { printable, printableJson } from '../render/printable.ts';

export const inspect: Command = {
  name: 'inspect',
  summary: 'Print everything known of a tunnel as JSON, secrets excepted',
  positionals: [{ name: 'name', required: true }],
  options: {
    findings: { type: 'boolean', summary: 'Look at what it stands on, from the engine to the URL' },
    'docker-command': {
      type: 'boolean',
      summary: 'Print the `docker run` line that would make its container',
    },
    json: { type: 'boolean', summary: 'With --findings: print JSON; without, JSON is printed anyway' },
  },
  examples: [
    ['tunneld inspect figma', 'Status, configuration in force, history of state changes, gateway URL.'],
    ['tunneld inspect figma | jq ".history[0]"', 'The last state change and its cause.'],
    [
      'tunneld inspect figma --findings',
      'Engine, image, container, edge, server, URL; exits with 1 if one is bad.',
    ],
    ['tunneld inspect figma --docker-command', 'For providers that run a container; secrets are masked.'],
  ],

  notes: ['With --findings, exits with 0 when every finding is good and with 1 otherwise.'],

  async run(args, io) {
    const [name = ''] = args.positionals;
    const daemon = await io.daemon();
    if (args.flag('findings') && args.flag('docker-command')) {
      throw usage(inspect, 'Ask for either --findings or --docker-command');
    }
    if (args.flag('docker-command')) {
      const { command } = await daemon.diagnose(name);
      if (command === undefined) throw noCommand(name);
      io.out(printable(command));
      return ExitCode.ok;
    }
    if (args.flag('findings')) {
      const { findings } = await daemon.diagnose(name);
      if (args.flag('json')) io.out(printableJson(findings, 2));
      else for (const line of findingLines(findings, io.paint)) io.out(line);
      return findings.every(({ ok }) => ok) ? ExitCode.ok : ExitCode.no;
    }
    io.out(printableJson(await daemon.inspect(name), 2));
    return ExitCode.ok;
  },
};

function noCommand(name: string): TunneldError {
  return new TunneldError('TUNNEL_UNHEALTHY', `"${name}" has no container to make by hand`, {
    remedy: 'Only providers that run a container have one, and only while the tunnel is up.',
  });
}
