import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { waitFor } from '../helpers/wait-for.ts';

/** MCP sessions, as the server itself counts them. */
export interface SessionCount {
  readonly open: number;
  /** Since it started; not every server counts those. */
  readonly opened?: number;
}

export interface FleetServer extends AsyncDisposable {
  readonly port: number;
  /** Whether its process still runs. */
  alive(): boolean;
  sessions(): Promise<SessionCount>;
  /** Everything it printed. */
  printed(): string;
}

interface ServerOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Where it listens, when it does not say `{"listening":PORT}`. */
  readonly port?: number;
  /** In what it prints when it listens. */
  readonly ready?: RegExp;
  /** Counts in what it printed; otherwise the server answers `GET /sessions`. */
  readonly countIn?: (printed: string) => SessionCount;
}

/** A Python server loads its packages in seconds, and a busy machine takes its time (milliseconds). */
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 5_000;

/** Starts a server in a process group of its own, so that its children end with it. */
export async function startServer(options: ServerOptions): Promise<FleetServer> {
  const { command, args, cwd, ready = /\{"listening":(\d+)\}/ } = options;
  const child = spawn(command, [...args], { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  const alive = () => child.exitCode === null && child.signalCode === null;
  try {
    const said = await waitFor(
      () => {
        if (!alive()) throw new Error(`${args[0]} ended: ${printed}`);
        return ready.exec(printed);
      },
      { timeoutMs: START_TIMEOUT_MS, what: `the start of ${args[0]}` },
    );
    const port = options.port ?? Number(said[1]);
    return {
      port,
      alive,
      printed: () => printed,
      sessions: async () => options.countIn?.(printed) ?? (await askSessions(port)),
      [Symbol.asyncDispose]: () => end(child),
    };
  } catch (cause) {
    await end(child);
    throw cause;
  }
}

async function askSessions(port: number): Promise<SessionCount> {
  const answer = await fetch(`http://127.0.0.1:${port}/sessions`);
  return (await answer.json()) as SessionCount;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
  endGroup(child.pid, 'SIGTERM');
  const killer = setTimeout(() => endGroup(child.pid ?? 0, 'SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(killer);
}

/** Its own group: of a server that died, the children may still be there. */
function endGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
