import type { UpResult } from '../../control/api.ts';
import { checkPart } from '../check-part.ts';
import { type Command, ExitCode, type ParsedArgs } from '../command.ts';
import { CONFIG_OPTION, withConfigOption } from '../config-option.ts';
import { type Connection, connectOrStart } from '../connect.ts';
import type { DaemonClient } from '../daemon-client.ts';
import type { CliIo } from '../io.ts';
import { inOptionWords } from '../option-words.ts';
import { optionFor, usage } from '../parse.ts';
import { type Arrival, arrivalJson, arrivalLines } from '../render/arrival.ts';
import { printableJson } from '../render/printable.ts';
import { reportUnsettled } from '../report.ts';
import { settle } from '../settle.ts';
import { withShellSecrets } from '../shell-secrets.ts';
import { SPEC_OPTIONS, specOf } from '../tunnel-options.ts';
import { WAIT_OPTIONS, waitOf } from '../wait-option.ts';

export const up: Command = {
  name: 'up',
  summary: 'Bring a tunnel up and print its URL, token and client configuration',
  positionals: [{ name: 'name', required: false }],
  trailing: { name: 'command', key: 'command' },
  options: {
    ...SPEC_OPTIONS,
    ...WAIT_OPTIONS,
    ...CONFIG_OPTION,
    json: { type: 'boolean', summary: 'Print JSON: an object, or an array without a name' },
  },
  examples: [
    ['tunneld up figma --port 3845', 'A public URL for the MCP server at http://127.0.0.1:3845/mcp.'],
    ['tunneld up notes --url http://127.0.0.1:8080/sse', 'The path of the URL is the MCP path.'],
    [
      'tunneld up files -- npx -y @modelcontextprotocol/server-filesystem .',
      'A server over stdio: starts it in this folder, and speaks HTTP for it.',
    ],
    ['tunneld up figma', 'Brings one that is known back up: same URL, same token.'],
    ['tunneld up', 'Brings up every tunnel of the config file, and every other one that is known.'],
  ],
  notes: [
    'Starts the daemon when none runs (TUNNELD_NO_AUTOSTART=1 keeps it from that), then waits until the tunnel is healthy. The token is printed when it is made; afterwards `tunneld token show` prints it. Doing it twice changes nothing.',
    'What follows `--` is a program that speaks MCP over stdio, with its arguments. It is started in this folder (--cwd), with PATH, HOME, LANG and what --env names, and its standard error is in `tunneld logs`. docs/servers.md has more.',
    'What is not given stays as it is: `tunneld up figma --port 3846` changes the port of a known tunnel and says what changed; `tunneld unset` sets settings back.',
    'Exits with 0 when it serves (or at once with --no-wait), with 5 when it was not healthy in time, and with 1 when waiting would not help: the tunnel has failed, or for 3 seconds nothing answered at the local port, the path was wrong, or the like. The tunnel is kept in every case and heals by itself when the cause goes away. With 2 or 3, nothing was changed.',
  ],

  async run(args, outer) {
    const [name] = args.positionals;
    const waitMs = waitOf(args);
    const spec = specOf(args, outer.cwd());
    if (name === undefined && spec !== undefined)
      throw usage(up, 'These options describe one tunnel: name it');
    const option = name === undefined ? undefined : optionFor(name, up.options);
    if (option !== undefined)
      throw usage(up, `"${name}" is no name: did you mean \`tunneld up <name> --${option} ${name}\`?`);
    if (name !== undefined) await checkPart(name, spec, 'up');
    const io = withConfigOption(args, outer);
    const connection = await connectOrStart(io);
    await checkSameConfig(args, connection.client, io);
    const results = await bringUp(name, spec, connection, io);

    const wanted = results.map(({ status }) => ({ name: status.name }));
    const settled = waitMs === undefined ? undefined : await settle(wanted, waitMs, connection.client, io);
    const arrivals = results.map((result) => arrivalOf(result, settled?.get(result.status.name)));
    if (args.flag('json')) {
      const shown = arrivals.map(arrivalJson);
      io.out(printableJson(name === undefined ? shown : shown[0], 2));
    } else {
      const alone = name !== undefined;
      for (const line of arrivals.flatMap((arrival) => arrivalLines(arrival, io.paint, alone))) io.out(line);
      if (arrivals.length === 0)
        io.err('No tunnel is known yet. Bring one up: `tunneld up <name> --port <port>`.');
    }
    return settled === undefined
      ? ExitCode.ok
      : await reportUnsettled([...settled.values()], waitMs ?? 0, io, args.flag('json'));
  },
};

/** A daemon that was started only for a request it then refused does not stay. */
async function bringUp(
  name: string | undefined,
  spec: unknown,
  { client, started }: Connection,
  io: CliIo,
): Promise<readonly UpResult[]> {
  try {
    if (name === undefined) return await client.upAll();
    return [await withShellSecrets(spec, io, (known) => client.up(name, known))];
  } catch (refusal) {
    const error = inOptionWords(refusal, 'up');
    const idle = started && (await client.list()).every(({ desired }) => desired === 'down');
    if (idle) await client.stop();
    throw error;
  }
}

/** The daemon read its config file when it started: `--config` cannot change that afterwards. */
async function checkSameConfig(args: ParsedArgs, client: DaemonClient, io: CliIo): Promise<void> {
  if (!args.given('config')) return;
  const { configFile } = await client.info();
  if (configFile === io.paths().configFile) return;
  throw usage(
    up,
    `The daemon already runs with ${configFile ?? 'no config file'}: stop it first to use another one`,
  );
}

function arrivalOf(
  { status, created, changed, changes = [], token }: UpResult,
  settled: Arrival['settled'],
): Arrival {
  return {
    status: settled?.status ?? status,
    created,
    changed,
    changes,
    ...(token === undefined ? {} : { token }),
    ...(settled === undefined ? {} : { settled }),
  };
}
