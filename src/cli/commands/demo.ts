import { TunneldError } from '../../core/errors.ts';
import { type Command, ExitCode, Interrupted } from '../command.ts';
import type { DemoStage } from '../demo/stage.ts';
import type { CliIo } from '../io.ts';
import { reportUnsettled } from '../report.ts';
import { settle } from '../settle.ts';

const NAME = 'demo';
const WAIT_MS = 30_000;
const COUNT_TO = 5;

export const demo: Command = {
  name: 'demo',
  summary: 'Show a sample server, a tunnel and a client at work, and leave nothing behind',
  positionals: [],
  options: {},
  examples: [['tunneld demo', 'Takes a few seconds. Needs no account, and touches no tunnel of yours.']],
  notes: [
    'Starts a sample MCP server, a daemon with a state folder of its own and a tunnel on free ports of this machine, calls a tool through the public URL, then stops all of it and removes the folder, also on Ctrl-C. Exits with 1 and the reason when a step fails.',
  ],

  async run(_args, io) {
    const interrupted = io.interrupted();
    const startedAt = io.clock.monotonic();
    const say = (text: string) => {
      io.out(`${`${Math.round(io.clock.monotonic() - startedAt)} ms`.padStart(9)}  ${text}`);
    };
    const { DemoStage } = await import('../demo/stage.ts');
    const stage = await DemoStage.create(io);
    let exitCode: number;
    try {
      exitCode = await play(stage, io, interrupted, say);
    } catch (error) {
      // Whatever broke because everything is being ended is not what ended it.
      interrupted.throwIfAborted();
      throw failure(error);
    } finally {
      await stage.strike();
    }
    say('Stopped the daemon and the server, and removed their folder: nothing is left');
    return exitCode;
  },
};

type Say = (text: string) => void;

async function play(stage: DemoStage, io: CliIo, interrupted: AbortSignal, say: Say): Promise<number> {
  // The client's packages take their time, and only a demo needs them.
  const { callCount, connectClient, listTools, statusWithoutToken } = await import('../demo/client.ts');
  const port = await stage.startServer();
  say(`Sample MCP server at http://127.0.0.1:${port}/mcp`);
  interrupted.throwIfAborted();
  const daemon = await stage.startDaemon();
  say(`Daemon with a state folder of its own in ${stage.folder}`);
  interrupted.throwIfAborted();

  const { token } = await daemon.up(NAME, { port });
  const settled = await orInterrupted(settle([{ name: NAME }], WAIT_MS, daemon, io), interrupted);
  const unsettled = await reportUnsettled([...settled.values()], WAIT_MS, io);
  if (unsettled !== ExitCode.ok) return ExitCode.no;
  const { mcpUrl } = await daemon.status(NAME);
  if (mcpUrl === undefined || token === undefined)
    throw new Error('the tunnel came up without a URL or a token');
  say(`Tunnel "${NAME}" is healthy at ${mcpUrl}`);

  const refused = await statusWithoutToken(mcpUrl, interrupted);
  if (refused !== 401) throw new Error(`a request without the token was answered with ${refused}, not 401`);
  say('A request without the token is refused: 401');

  const client = await connectClient(mcpUrl, token, interrupted);
  try {
    const server = client.getServerVersion();
    say(`Client connected through the tunnel to ${server?.name} ${server?.version}`);
    say(`It offers: ${(await listTools(client, interrupted)).join(', ')}`);
    say(`Calling count(${COUNT_TO})`);
    const result = await callCount(client, COUNT_TO, interrupted, ({ progress, total, delayMs }) => {
      say(`  progress ${progress}/${total}, received ${delayMs} ms after it was sent`);
    });
    say(`Result: ${result}`);
  } finally {
    await client.close();
  }
  return ExitCode.ok;
}

function orInterrupted<T>(work: Promise<T>, interrupted: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(interrupted.reason);
    interrupted.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => interrupted.removeEventListener('abort', onAbort));
  });
}

function failure(error: unknown): Error {
  if (error instanceof Interrupted) return error;
  const remedy = error instanceof TunneldError ? { remedy: error.remedy } : {};
  return new TunneldError('DEMO_FAILED', 'The demo did not get to its end', { cause: error, ...remedy });
}
