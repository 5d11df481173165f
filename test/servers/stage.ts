import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import { Bridge, type BridgeSettings } from '../../src/servers/bridge/bridge.ts';
import type { ServerState, Shown } from '../../src/servers/server.ts';
import { Programs } from '../../src/servers/stdio/program.ts';
import { type ProgramSpec, spawnHere } from '../../src/servers/stdio/spawn.ts';
import { quiet } from '../helpers/quiet.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { waitFor } from '../helpers/wait-for.ts';

export interface StageOptions extends Partial<BridgeSettings> {
  readonly command: readonly [string, ...string[]];
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly known?: Shown;
  readonly clean?: (text: string) => string;
}

/** A bridge to a real program, behind a real gateway that lets everybody in. */
export class Stage {
  readonly states: ServerState[] = [];
  readonly lines: string[] = [];
  readonly notes: string[] = [];
  readonly groups = new Set<number>();
  /** Groups that were ever started. */
  started = 0;
  readonly #bridge: Bridge;
  readonly #gateway: Gateway;
  readonly socketPath = join(tempFolder(), 's.sock');
  /** Without a path. */
  origin = '';

  static async open(options: StageOptions): Promise<Stage> {
    const stage = new Stage(options);
    onTestFinished(() => stage.close());
    await stage.#bridge.listen(stage.socketPath);
    stage.origin = (await stage.#gateway.listen()).href.replace(/\/$/, '');
    return stage;
  }

  private constructor({ command, env = {}, cwd = process.cwd(), known, clean, ...settings }: StageOptions) {
    const spec: ProgramSpec = { command, cwd, env: { PATH: process.env['PATH'] ?? '', ...env } };
    const messageBytes = settings.messageBytes ?? 33_554_432;
    this.#bridge = new Bridge({
      source: new Programs({
        spec,
        spawn: spawnHere,
        messageBytes,
        clock: systemClock,
        clean: clean ?? ((text) => text),
        onStderr: (line) => void this.lines.push(line),
        onNote: (text) => void this.notes.push(text),
        onGroup: (pid, alive) => {
          if (alive) this.started += 1;
          if (alive) this.groups.add(pid);
          else this.groups.delete(pid);
        },
      }),
      settings: {
        path: '/mcp',
        process: 'per-session',
        start: 'on-demand',
        idleMs: undefined,
        processes: 64,
        ...settings,
        messageBytes,
      },
      known,
      clock: systemClock,
      random: () => 0,
      onState: (state) => void this.states.push(state),
      onNote: (text) => void this.notes.push(text),
    });
    this.#gateway = gatewayTo(this.socketPath);
  }

  get url(): URL {
    return new URL(`${this.origin}/mcp`);
  }

  get state(): ServerState | undefined {
    return this.states.at(-1);
  }

  async until(kind: ServerState['kind']): Promise<ServerState> {
    await waitFor(() => this.state?.kind === kind, {
      what: `the state ${kind} after ${JSON.stringify(this.states)}`,
    });
    return this.state as ServerState;
  }

  async close(): Promise<void> {
    await this.#gateway.close();
    await this.#bridge.close();
  }
}

/** A gateway in front of a socket; everybody may call. */
export function gatewayTo(socketPath: string): Gateway {
  return new Gateway({
    tunnel: 'test',
    instance: 'i-1',
    upstream: { protocol: 'http:', host: 'localhost', port: 0, socketPath, hostHeader: 'localhost' },
    access: { insecurePublic: true, queryToken: false, origins: [] },
    probeKey: 'probe.key',
    limits: { concurrency: 2_000, connections: 2_000, firstByteTimeoutMs: 60_000, idleTimeoutMs: 60_000 },
    sseKeepAliveMs: undefined,
    clock: systemClock,
    log: quiet,
    onRequest: () => {},
  });
}

/** One raw POST. */
export async function post(
  url: URL,
  message: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; text: string; json: () => RawAnswer }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify(message),
  });
  const text = await response.text();
  const data = /^data: (.*)$/m.exec(text)?.[1];
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: () =>
      JSON.parse(response.headers.get('content-type')?.includes('json') ? text : (data ?? '')) as RawAnswer,
  };
}

export interface RawAnswer {
  readonly id: unknown;
  readonly result?: Record<string, unknown>;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data?: { tunneld: { code: string } };
  };
}

export const INITIALIZE = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};
