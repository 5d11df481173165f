import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const hasWrk = spawnSync('wrk', ['-v']).error === undefined;

export interface Job {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  /** Bytes of the request body. */
  readonly bodyBytes: number;
  readonly connections: number;
  readonly durationMs: number;
  readonly token: string;
}

export interface Outcome {
  readonly requests: number;
  /** Body and head bytes received. */
  readonly bytes: number;
  readonly seconds: number;
  /** Answers that were not 2xx, and broken connections. */
  readonly errors: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

const MAX_CALL_BYTES = 65_536;

const folder = mkdtempSync(path.join(tmpdir(), 'tunneld-bench-load-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

/** A tool call of the given size, or plain bytes where a call would not be that large. */
export function bodyOf({ bodyBytes }: Job): {
  readonly type: string;
  readonly head: string;
  readonly tail: string;
} {
  if (bodyBytes > MAX_CALL_BYTES) return { type: 'application/octet-stream', head: '', tail: '' };
  const head = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"';
  return { type: 'application/json', head, tail: '"}}}' };
}

/** Puts `job` on a server for its duration: with wrk, or with a Node program where wrk is absent. */
export async function load(job: Job): Promise<Outcome> {
  const outcome = await (hasWrk ? runWrk(job) : runNode(job));
  // Large bodies may all be half-way when the time is up.
  if (outcome.errors > 0 || (outcome.requests === 0 && outcome.bytes === 0)) {
    throw new Error(`${job.method} ${job.url}: ${outcome.requests} requests, ${outcome.errors} errors`);
  }
  return outcome;
}

async function runWrk(job: Job): Promise<Outcome> {
  const script = path.join(folder, 'job.lua');
  writeFileSync(script, wrkScript(job));
  const seconds = Math.max(1, Math.round(job.durationMs / 1_000));
  const args = ['-t1', `-c${job.connections}`, `-d${seconds}s`, '-s', script, job.url];
  return parseOutcome(await outputOf('wrk', args, {}));
}

/** Headers go through the script: an argument would show in `ps`. */
function wrkScript(job: Job): string {
  const { type, head, tail } = bodyOf(job);
  const padding = job.bodyBytes - head.length - tail.length;
  const body = `
    wrk.headers["Content-Type"] = "${type}"
    wrk.body = '${head}' .. string.rep("u", ${padding}) .. '${tail}'`;
  return `
    wrk.method = "${job.method}"
    wrk.headers["Authorization"] = "Bearer ${job.token}"
    ${job.bodyBytes > 0 ? body : ''}
    done = function(s, l)
      local e = s.errors
      io.write(string.format('OUTCOME {"requests":%d,"bytes":%d,"seconds":%f,"errors":%d,"p50Us":%d,"p99Us":%d}\\n',
        s.requests, s.bytes, s.duration / 1000000,
        e.connect + e.read + e.write + e.status + e.timeout, l:percentile(50.0), l:percentile(99.0)))
    end`;
}

async function runNode(job: Job): Promise<Outcome> {
  const program = fileURLToPath(new URL('./programs/load.ts', import.meta.url));
  const args = ['--import', 'tsx', program];
  return parseOutcome(await outputOf(process.execPath, args, { BENCH_JOB: JSON.stringify(job) }));
}

export async function outputOf(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<string> {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ended with ${String(code)}: ${text}`);
  return text;
}

function parseOutcome(text: string): Outcome {
  const json = /OUTCOME (\{.*\})/.exec(text)?.[1];
  if (json === undefined) throw new Error(`the load generator said nothing: ${text}`);
  return JSON.parse(json) as Outcome;
}
