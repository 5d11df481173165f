import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { processes } from '../helpers/processes.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { waitFor } from '../helpers/wait-for.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const PROCESS_IO = new URL('../../dist/cli/process-io.js', import.meta.url).href;
const RUN = new URL('../../dist/cli/run.js', import.meta.url).href;
const FAKE_DAEMON = fileURLToPath(new URL('./fake-daemon-program.mjs', import.meta.url));

/** The demo in a process of its own, all of whose processes and files can be told from others'. */
function startDemo(nodeArguments: readonly string[], env: Record<string, string> = {}) {
  const folder = tempFolder();
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary);
  const own = { HOME: folder, TMPDIR: temporary, FAKE_NOTES: join(folder, 'notes'), ...env };
  const child = spawn(process.execPath, nodeArguments, { env: { PATH: process.env['PATH'], ...own } });
  const left = async () =>
    (await processes()).filter(({ environment }) => environment.includes(`TMPDIR=${temporary}`));
  onTestFinished(async () => {
    for (const { pid } of await left()) process.kill(pid, 'SIGKILL');
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...output }));
  return { child, output, ended, temporary, left, notes: own.FAKE_NOTES };
}

it.each([
  ['while its daemon starts', 'Sample MCP server at'],
  ['in the middle of a call', 'progress 2/5'],
])('leaves nothing behind when it is interrupted %s', async (_when, moment) => {
  const demo = startDemo([MAIN, 'demo']);
  await waitFor(() => demo.output.stdout.includes(moment), { what: moment });

  demo.child.kill('SIGINT');
  // An impatient second one changes nothing.
  demo.child.kill('SIGINT');

  expect(await demo.ended).toMatchObject({ code: 130, signal: null, stderr: '' });
  expect(demo.output.stdout).not.toContain('Result:');
  expect(readdirSync(demo.temporary)).toEqual([]);
  expect(await demo.left()).toEqual([]);
});

it.each([
  ['a daemon that says it is ready and answers nobody', 'ready', 'No daemon is running'],
  ['a daemon that does not start', 'refuses', 'port 7575 is taken'],
  ['something else in place of the daemon', 'babbles', 'something unexpected: hello'],
])('fails with the reason and leaves nothing behind: %s', async (_what, mode, reason) => {
  const script = `
    import { processIo } from '${PROCESS_IO}';
    import { run } from '${RUN}';
    process.exitCode = await run(['demo'], { ...(await processIo()), daemonProgram: '${FAKE_DAEMON}' });
  `;
  const demo = startDemo(['--input-type=module', '-e', script], { FAKE_DAEMON: mode });

  const { code, stderr } = await demo.ended;

  expect(code).toBe(1);
  expect(stderr).toMatch(/^tunneld: DEMO_FAILED: The demo did not get to its end/);
  expect(stderr).toContain(reason);
  expect(existsSync(demo.notes) && readFileSync(demo.notes, 'utf8')).toContain('"pid"');
  expect(readdirSync(demo.temporary)).toEqual([]);
  // A daemon that refused to start ends by itself, a moment after it said why.
  await waitFor(async () => (await demo.left()).length === 0, { what: 'the end of every process' });
});
