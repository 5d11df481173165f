import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { waitFor } from '../helpers/wait-for.ts';
import { Console } from './console.ts';
import { ScriptedDaemon, tunnel } from './scripted-daemon.ts';

/** The built command line as a process of its own: what only a process can show. */
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const DAEMON_RUN = new URL('../../dist/cli/commands/daemon-run.js', import.meta.url).href;
const FAKE_DAEMON = fileURLToPath(new URL('./fake-daemon-program.mjs', import.meta.url));
const LIST_MODULES = new URL('./list-modules.mjs', import.meta.url).href;

let user: Console;
let daemon: ScriptedDaemon;

beforeEach(async () => {
  daemon = new ScriptedDaemon(tunnel('figma'));
  user = await Console.with(daemon);
});

function start(
  words: readonly string[],
  nodeOptions: readonly string[] = [],
  env: Record<string, string> = {},
) {
  const child = spawn(process.execPath, [...nodeOptions, ...words], {
    env: { PATH: process.env['PATH'], ...user.env, ...env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...output }));
  return { child, output, ended };
}

const tunneld = (...words: readonly string[]) => start([MAIN, ...words]);

it('prints no colour and no escape sequence into a pipe', async () => {
  const { code, stdout, stderr } = await tunneld('status').ended;
  expect(code).toBe(0);
  expect(stdout).toContain('up/healthy');
  expect(stdout + stderr).not.toContain('\x1b');
  const up = await tunneld('up', 'notes', '--port', '3845').ended;
  expect(up.code).toBe(0);
  expect(up.stdout + up.stderr).not.toContain('\x1b');
});

it.each([
  { what: 'to print the status', words: ['status'], running: true, exitCode: 0, fewerThan: 30 },
  { what: 'to say that no daemon runs', words: ['status'], running: false, exitCode: 4, fewerThan: 33 },
  { what: 'to say so as JSON', words: ['status', '--json'], running: false, exitCode: 4, fewerThan: 33 },
])('loads nothing heavy $what', async ({ words, running, exitCode, fewerThan }) => {
  if (!running) user = new Console();
  const list = join(user.folder, 'modules');
  const { code } = await start([MAIN, ...words], ['--import', LIST_MODULES], { MODULES: list }).ended;
  expect(code).toBe(exitCode);
  const modules = [...new Set(readFileSync(list, 'utf8').split('\n'))];
  const packages = modules.map((module) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(module)?.[1]);
  expect(packages.filter((name) => name !== undefined)).toEqual([]);
  expect(modules.filter((module) => module.includes('/dist/')).length).toBeLessThan(fewerThan);
  expect(modules.filter((module) => /\/dist\/(?!cli|config|control|core)/.test(module))).toEqual([]);
});

it('does not wait for a restart where somebody has to start the engine of a provider first', async () => {
  const lastError = { code: 'ENGINE_UNREACHABLE', message: 'No engine answers.', remedy: 'Start it.', at: 0 };
  daemon.set(tunnel('figma', { state: 'backing-off', lastError }));
  daemon.onRestart = () => tunnel('figma', { state: 'backing-off', lastError });
  const { code, stderr } = await tunneld('restart', 'figma', '--wait=8s').ended;
  expect(stderr).toMatch(/^tunneld: ENGINE_UNREACHABLE: /);
  expect(code).toBe(1);
});

it('ends quietly when the reader of its output leaves', async () => {
  const dir = await user.logDir();
  const line = `${JSON.stringify({ time: new Date().toISOString(), level: 'info', msg: 'x'.repeat(1_000) })}\n`;
  writeFileSync(join(dir, 'figma.log'), line.repeat(5_000));
  const { child, output, ended } = tunneld('logs', '-n', '5000');
  await once(child.stdout, 'data');
  child.stdout.destroy();
  expect(await ended).toMatchObject({ code: 0, signal: null });
  expect(output.stderr).toBe('');
});

it('prints all of a large answer into a pipe that is read slowly', async () => {
  const detail = 'y'.repeat(2_000_000);
  daemon.set(tunnel('figma', { health: { ...daemon.status('figma').health, cause: detail } }));
  const { child, output, ended } = tunneld('inspect', 'figma');
  child.stdout.pause();
  await new Promise((resolve) => setTimeout(resolve, 300));
  child.stdout.resume();
  expect((await ended).code).toBe(0);
  expect(JSON.parse(output.stdout).status.health.cause).toBe(detail);
});

it('ends `logs -f` on Ctrl-C with the code a shell expects', async () => {
  const dir = await user.logDir();
  const line = `${JSON.stringify({ time: new Date().toISOString(), level: 'info', msg: 'here' })}\n`;
  writeFileSync(join(dir, 'figma.log'), line);
  const { child, output, ended } = tunneld('logs', 'figma', '-f');
  await waitFor(() => output.stdout.includes('here'));
  appendFileSync(join(dir, 'figma.log'), line);
  await waitFor(() => output.stdout.match(/here/g)?.length === 2);
  child.kill('SIGINT');
  expect(await ended).toMatchObject({ code: 130, signal: null, stderr: '' });
});

it('passes signals on to the daemon in the foreground, each once, and ends as it does', async () => {
  const script = `
    import { ParsedArgs } from '${new URL('../../dist/cli/command.js', import.meta.url).href}';
    import { resolvePaths } from '${new URL('../../dist/config/paths.js', import.meta.url).href}';
    import { daemonRun } from '${DAEMON_RUN}';
    const io = { env: process.env, paths: () => resolvePaths(process.env), daemonProgram: '${FAKE_DAEMON}' };
    process.exitCode = await daemonRun.run(new ParsedArgs([], new Map()), io);
  `;
  const env = { FAKE_DAEMON: 'runs', FAKE_NOTES: join(user.folder, 'notes') };
  const { child, output, ended } = start(['--input-type=module', '-e', script], [], env);
  await waitFor(() => output.stdout.includes('running'));
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) {
    child.kill(signal);
    await waitFor(() => output.stdout.includes(`got ${signal}`));
  }
  expect(await ended).toMatchObject({ code: 0, stdout: 'running\ngot SIGINT\ngot SIGHUP\ngot SIGTERM\n' });
});

it.skipIf(!existsSync('/dev/full'))('says so in one line when its output cannot be written', async () => {
  const run = `"${process.execPath}" "${MAIN}" status >/dev/full`;
  const child = spawn('sh', ['-c', run], { env: { PATH: process.env['PATH'], ...user.env } });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^tunneld: SYSTEM_REFUSED: The output cannot be written: .*ENOSPC.*\n$/);
});
