import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { startTimeOf } from '../../src/core/process-identity.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { INITIALIZE, post, Stage, type StageOptions } from './stage.ts';

const SERVER = fileURLToPath(new URL('./programs/server.mjs', import.meta.url));

function small(mode: string, options: Partial<StageOptions> = {}): Promise<Stage> {
  return Stage.open({
    command: [process.execPath, SERVER, ...mode.split(' ')] as [string, ...string[]],
    ...options,
  });
}

const isAlive = (pid: number) => ![undefined, 'ended'].includes(startTimeOf(pid));

describe('a program that cannot be started', () => {
  it('is named, with what to do', async () => {
    const stage = await Stage.open({ command: ['/no/such/program'], start: 'at-once' });
    const state = await stage.until('failed');
    expect(state).toMatchObject({
      code: 'SERVER_NOT_STARTED',
      message: 'The program /no/such/program is not there',
    });
    expect(state.kind === 'failed' && state.remedy).toContain('PATH');
    const answer = await post(stage.url, INITIALIZE);
    expect(answer.status).toBe(502);
    expect(answer.json()).toMatchObject({
      id: 0,
      error: { data: { tunneld: { code: 'SERVER_NOT_STARTED' } } },
    });
  });

  it('is told from one that may not be executed', async () => {
    const file = join(tempFolder(), 'server');
    writeFileSync(file, '#!/bin/sh\n');
    chmodSync(file, 0o600);
    const stage = await Stage.open({ command: [file] });
    expect((await post(stage.url, INITIALIZE)).text).toContain('may not be executed');
  });

  it('is told from a folder that is not there', async () => {
    const stage = await Stage.open({ command: [process.execPath, SERVER], cwd: '/no/such/folder' });
    expect((await post(stage.url, INITIALIZE)).text).toContain('/no/such/folder, which is no folder');
  });
});

it('says with which code a program exited, and its last words without secrets', async () => {
  const stage = await small('exits', { clean: (text) => text.replace('hunter2hunter2', '[redacted]') });
  const answer = await post(stage.url, INITIALIZE);
  expect(answer.status).toBe(502);
  expect(answer.json().error?.message).toBe(
    'The program exited with code 3; its last line: no key given: [redacted]',
  );
  expect(await stage.until('failed')).toMatchObject({ code: 'SERVER_EXITED', inARow: 1 });
});

it('says so when a program ends again and again', async () => {
  const stage = await small('exits', { start: 'at-once' });
  await waitFor(() => stage.states.some((state) => state.kind === 'failed' && state.inARow >= 4), {
    what: 'a fourth end in a row',
  });
  expect(stage.state).toMatchObject({ message: expect.stringContaining('times in a row') });
});

it('skips what is no message on standard output, and says so once', async () => {
  const stage = await small('garbage');
  expect((await post(stage.url, INITIALIZE)).json().result).toMatchObject({ serverInfo: { name: 'small' } });
  expect(stage.notes).toEqual(['the server wrote a line that is no message to its standard output']);
});

it('ends a program that writes more than a message may have', async () => {
  const stage = await small('flood 50000000', { messageBytes: 1_048_576 });
  const answer = await post(stage.url, INITIALIZE);
  expect(answer.json().error?.message).toContain('more than 1048576 bytes without ending the line');
  await waitFor(() => stage.groups.size === 0, { what: 'the program to be gone' });
});

it('ends a program that closed its standard output and went on', async () => {
  const stage = await small('closes-stdout');
  const answer = await post(stage.url, INITIALIZE);
  expect(answer.json().error?.data?.tunneld.code).toBe('SERVER_OUTPUT');
  await waitFor(() => stage.groups.size === 0, { what: 'the program to be gone' });
});

it('says that a program is up and does not answer', async () => {
  const stage = await small('mute', { start: 'at-once' });
  expect(await stage.until('starting')).toMatchObject({ since: expect.any(Number) });
});

it('gives a caller the first answer when a program answers twice, and nobody the second', async () => {
  const stage = await small('twice');
  const session = await opened(stage);
  const answer = await post(stage.url, callOf(1, 'echo', { text: 'second' }), session);
  expect(answer.text).toContain('first');
  await waitFor(() => stage.notes.length > 0, { what: 'a note of the second answer' });
  expect(stage.notes).toEqual(['the server sent an answer that nobody waits for']);
  expect((await post(stage.url, callOf(2, 'echo', { text: 'x' }), session)).text).toContain('first');
});

it('gives nobody an answer to a question that was not asked', async () => {
  const stage = await small('unknown-id', { process: 'shared' });
  const session = await opened(stage);
  expect((await post(stage.url, callOf(1, 'echo', { text: 'mine' }), session)).text).toContain('mine');
  expect(stage.notes).toEqual(['the server sent an answer that nobody waits for']);
});

it('makes a program end that does not want to', async () => {
  const stage = await small('ignores-sigterm');
  const session = await opened(stage);
  const [pid = 0] = stage.groups;
  expect(isAlive(pid)).toBe(true);
  await fetch(stage.url, { method: 'DELETE', headers: session });
  await waitFor(() => !isAlive(pid), { what: 'the program to be gone' });
  expect(stage.lines).toEqual(['input ended', 'not now']);
});

it('leaves nothing of what a program started', async () => {
  const stage = await small('grandchild');
  const session = await opened(stage);
  const line = await waitFor(() => stage.lines[0], { what: 'the pid of the grandchild' });
  const pid = Number(/\d+/.exec(line)?.[0]);
  expect(isAlive(pid)).toBe(true);
  await fetch(stage.url, { method: 'DELETE', headers: session });
  await waitFor(() => !isAlive(pid), { what: 'the grandchild to be gone' });
});

it('writes down no more of standard error than a log can take, and says how much it left out', async () => {
  const stage = await small('noisy');
  await opened(stage);
  const said = await waitFor(
    () => stage.lines.find((line) => /^\(\d+ lines were left out here\)$/.test(line)),
    {
      what: 'how much was left out',
    },
  );
  const before = stage.lines.indexOf(said);
  await stage.close();
  expect(before).toBeGreaterThanOrEqual(200);
  expect(before).toBeLessThan(1_000);
});

it('tells a program that sends back what it is sent from a server that refuses', async () => {
  const stage = await Stage.open({ command: ['cat'], start: 'at-once' });
  expect(await stage.until('failed')).toMatchObject({
    code: 'SERVER_SILENT',
    message: expect.stringContaining('sends back what it is sent'),
  });
});

it('gives a program PATH, what is named, and nothing else', async () => {
  const folder = tempFolder();
  const stage = await small('well', { env: { API_KEY: 'abc' }, cwd: folder });
  const answer = await post(stage.url, callOf(1, 'env'), await opened(stage));
  const { content } = answer.json().result as { content: { text: string }[] };
  const { env, cwd } = JSON.parse(content[0]?.text ?? '') as { env: Record<string, string>; cwd: string };
  expect(Object.keys(env).filter((name) => !/^(?:__CF|TUNNELD_TEST)/.test(name))).toEqual([
    'PATH',
    'API_KEY',
  ]);
  expect(cwd).toBe(folder);
});

it('refuses a message that is too large, and serves the session on', async () => {
  const stage = await small('well', { messageBytes: 100_000 });
  const session = await opened(stage);
  const answer = await post(stage.url, callOf(1, 'echo', { text: 'x'.repeat(200_000) }), session);
  expect(answer.status).toBe(413);
  expect(answer.text).toContain('limits.messageBytes');
  expect((await post(stage.url, callOf(2, 'echo', { text: 'still' }), session)).text).toContain('still');
});

it.each([
  ['no JSON', 'hello', 400, -32_700],
  ['no message', '{"a":1}', 400, -32_600],
  ['an empty batch', '[]', 400, -32_600],
])('refuses a body that is %s', async (_, body, status, code) => {
  const stage = await small('well');
  const response = await fetch(stage.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body,
  });
  expect(response.status).toBe(status);
  expect(((await response.json()) as { error: { code: number } }).error.code).toBe(code);
  expect(stage.started).toBe(0);
});

/** Headers of a session that was just opened. */
async function opened(stage: Stage): Promise<Record<string, string>> {
  const answer = await post(stage.url, INITIALIZE);
  const id = answer.headers.get('mcp-session-id');
  expect(id, answer.text).toBeTruthy();
  const headers = { 'mcp-session-id': id ?? '', 'mcp-protocol-version': '2025-06-18' };
  await post(stage.url, { jsonrpc: '2.0', method: 'notifications/initialized' }, headers);
  return headers;
}

function callOf(id: number, name: string, args: object = {}, meta?: object): object {
  return {
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name, arguments: args, ...(meta === undefined ? {} : { _meta: meta }) },
  };
}
