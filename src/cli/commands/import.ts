import { type Command, ExitCode } from '../command.ts';
import { CONFIG_OPTION, withConfigOption } from '../config-option.ts';
import { isProgram } from '../import/programs.ts';
import { usage } from '../parse.ts';
import { printable, printableJson } from '../render/printable.ts';

export const importVerb: Command = {
  name: 'import',
  summary: "Turn another tool's command line or .env into a tunnel of the config file",
  positionals: [{ name: 'source', required: true, rest: true }],
  verbatimFrom: isProgram,
  options: {
    name: { type: 'string', value: 'name', summary: 'Name of the tunnel; default: as the source calls it' },
    port: {
      type: 'string',
      value: 'port',
      summary: 'Port of the MCP server, where the source does not say it',
    },
    path: { type: 'string', value: 'path', summary: 'MCP path; default: /mcp' },
    provider: {
      type: 'string',
      value: 'name',
      summary: 'Who carries the traffic, where the source leaves it open',
    },
    force: { type: 'boolean', summary: 'Replace a tunnel of that name' },
    'dry-run': { type: 'boolean', summary: 'Write nothing; print what would be written' },
    ...CONFIG_OPTION,
    json: { type: 'boolean', summary: 'Print JSON: what was carried over, and what was not' },
  },
  examples: [
    [
      'tunneld import .env',
      "The variables of the guides' images: NPM_MCP, PINGGY_ACCESS_TOKEN, NGROK_URL, …",
    ],
    [
      'tunneld import docker run --net=host -it pinggy/pinggy -p 443 -R0:127.0.0.1:3845 free.pinggy.io x:https',
      'A line that starts a tunnel. One with $, & or the like goes in single quotes, as one word.',
    ],
    [
      'tunneld import --name files supergateway --stdio "npx -y @modelcontextprotocol/server-filesystem ." --port 8000',
      'Options of tunneld stand before the line: behind its first word all of them are its own.',
    ],
    [
      'tunneld import ./start.sh --dry-run',
      'A file with such a line: it stays out of the history of the shell.',
    ],
  ],
  notes: [
    'Understands `docker run` of pinggy/pinggy, of Supergateway and of the images of the guides, `docker build` of those, `ssh` to Pinggy, `pinggy`, `ngrok http` and `supergateway`, also behind npx. Several sources make one tunnel: the line that builds an image and the one that starts it.',
    'Says for each part what became of it: a key, nothing because tunneld does so anyway, or why it cannot be carried over. Secrets go into files of their own (mode 0600) and are referred to as file:PATH. Nothing is run, and nothing is written unless all of it is valid. The config file keeps its comments and its layout.',
    'A running daemon notices the file and brings the tunnel up; `tunneld up <name>` does it at once.',
  ],

  async run(args, outer) {
    const io = withConfigOption(args, outer);
    const port = portOf(args.text('port'));
    const [{ importTunnel }, { importedJson, importedLines }] = await Promise.all([
      import('../import/import-tunnel.ts'),
      import('../import/report-lines.ts'),
    ]);
    const written = !args.flag('dry-run');
    const imported = importTunnel({
      words: args.positionals,
      name: args.text('name'),
      port,
      path: args.text('path'),
      provider: args.text('provider'),
      force: args.flag('force'),
      dryRun: !written,
      paths: io.paths(),
      env: io.env,
      onNote: io.err,
    });
    if (args.flag('json')) io.out(printableJson(importedJson(imported, written), 2));
    else for (const line of importedLines(imported, written, io.paint)) io.out(printable(line));
    return ExitCode.ok;
  },
};

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535) return Number(text);
  throw usage({ name: 'import' }, `--port=${text} is not a port from 1 to 65535`);
}
