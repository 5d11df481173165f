import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ControlClient } from '../../src/control/client.ts';
import { PROTOCOL_HEADER } from '../../src/control/routes.ts';
import { type ErrorCode, TunneldError } from '../../src/core/errors.ts';
import { everyError } from '../helpers/every-error.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { thrownBy } from '../helpers/thrown.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { statusOf } from './fake-daemon.ts';
import { serving } from './serving.ts';

/** A request no client of ours would send. */
function ask(
  socketPath: string,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: string,
) {
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }>(
    (resolve, reject) => {
      const call = request({ socketPath, method, path, headers, agent: false }, async (response) => {
        let text = '';
        for await (const chunk of response.setEncoding('utf8')) text += chunk;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
      });
      call.once('error', reject);
      call.end(body);
    },
  );
}

describe('the control protocol', () => {
  it('carries every verb with its arguments there and its answer back', async () => {
    const { client, daemon } = await serving();
    expect(await client.info()).toMatchObject({ pid: 4711, version: '9.9.9' });
    expect(await client.list()).toEqual([statusOf('figma')]);
    expect(await client.status('figma')).toEqual(statusOf('figma'));
    expect(await client.diagnose('figma')).toEqual({ findings: [], command: 'docker run' });
    expect(await client.inspect('figma')).toMatchObject({ config: { port: 1 }, history: [] });
    expect(await client.up('figma', { port: 3845 })).toMatchObject({ created: true, token: 'tnl_new' });
    expect(await client.upAll()).toEqual([{ status: statusOf('figma'), created: false, changed: false }]);
    expect(await client.down('figma')).toMatchObject({ desired: 'down' });
    expect(await client.downAll()).toHaveLength(1);
    expect(await client.restart('figma')).toEqual(statusOf('figma'));
    await client.remove('figma');
    expect(await client.showToken('figma')).toEqual({ name: 'figma', token: 'tnl_shown' });
    expect(await client.rotateToken('figma', 5_000)).toMatchObject({ previousValidUntil: 1 });
    await client.stop();
    expect(daemon.asked).toEqual([
      ['info'],
      ['list'],
      ['status', 'figma'],
      ['diagnose', 'figma'],
      ['inspect', 'figma'],
      ['up', 'figma', { port: 3845 }],
      ['upAll'],
      ['down', 'figma'],
      ['downAll'],
      ['restart', 'figma'],
      ['remove', 'figma'],
      ['showToken', 'figma'],
      ['rotateToken', 'figma', 5_000],
      ['stop'],
    ]);
  });

  it('brings up what is already known when no definition is sent', async () => {
    const { client, daemon } = await serving();
    await client.up('figma');
    expect(daemon.asked).toEqual([['up', 'figma', undefined]]);
  });

  it('takes any text for a name, and leaves the judgement to the daemon', async () => {
    const { client, daemon } = await serving();
    for (const name of ['a/b', '..', '?x=1', 'ü %2F', 'figma/token']) await client.status(name);
    expect(daemon.asked).toEqual(
      ['a/b', '..', '?x=1', 'ü %2F', 'figma/token'].map((name) => ['status', name]),
    );
  });

  it.each(Object.keys(everyError) as ErrorCode[])('brings %s back as the same error', async (code) => {
    const { client, daemon } = await serving();
    daemon.failure = new TunneldError(code, 'What happened.', { remedy: 'What to do.' });
    const error = await thrownBy(() => client.status('figma'));
    expect(error).toMatchObject({ code, message: 'What happened.', remedy: 'What to do.' });
  });

  it('brings an error of a provider back, though the command has not loaded its codes', async () => {
    const { client, daemon } = await serving();
    const row = { exitCode: 2, retryable: false, remedy: 'What to do.' };
    daemon.failure = new TunneldError('FIXTURE_UNHEARD_OF' as ErrorCode, 'What happened.', { row });
    const error = await thrownBy(() => client.status('figma'));
    expect(error).toMatchObject({ code: 'FIXTURE_UNHEARD_OF', message: 'What happened.', ...row });
  });

  it('reports a defect of the daemon without a code, and logs it once', async () => {
    const { client, daemon, logged, socket } = await serving();
    daemon.failure = new RangeError('index out of range');
    const error = await thrownBy(() => client.list());
    expect(error).toMatchObject({ code: 'DAEMON_FAILED', message: 'The daemon failed: index out of range' });
    expect(logged).toEqual([
      expect.objectContaining({ level: 'error', msg: 'control request failed', url: '/v1/tunnels' }),
    ]);
    const raw = await ask(socket, 'GET', '/info', {});
    expect(raw.status).toBe(500);
    expect(JSON.parse(raw.body)).toEqual({ error: { message: 'index out of range' } });
  });

  it('answers before it stops, even where stopping ends the process on the spot', async () => {
    const socket = join(tempFolder(), 's.sock');
    const program = join(import.meta.dirname, '../helpers/programs/exit-on-stop.ts');
    const stdio = ['ignore', 'pipe', 'inherit'] as const;
    const child = spawn(process.execPath, ['--import', 'tsx', program, socket], { stdio: [...stdio] });
    const exited = once(child, 'exit');
    await once(child.stdout ?? child, 'data');
    await expect(new ControlClient(socket).stop()).resolves.toBeUndefined();
    expect((await exited)[0]).toBe(0);
  });

  it.each([
    ['no body', ''],
    ['a negative time', '{"graceMs":-1}'],
    ['an unknown key', '{"graceMs":1,"force":true}'],
    ['a time that is no number', '{"graceMs":"1h"}'],
    ['broken JSON', '{"graceMs":'],
  ])('refuses a request with %s and does nothing', async (_what, body) => {
    const { daemon, socket } = await serving();
    const headers = { [PROTOCOL_HEADER]: '1', 'content-type': 'application/json' };
    const { status } = await ask(socket, 'POST', '/v1/tunnels/figma/token/rotation', headers, body);
    expect(status).toBe(400);
    expect(daemon.asked).toEqual([]);
  });
});

describe('a command of another version', () => {
  it('is told so, whatever it asks', async () => {
    const { socket, daemon } = await serving();
    for (const [path, version] of [
      ['/v1/tunnels', '2'],
      ['/v1/tunnels', ''],
      ['/v2/tunnels', '2'],
    ] as const) {
      const { status, headers, body } = await ask(
        socket,
        'GET',
        path,
        version ? { [PROTOCOL_HEADER]: version } : {},
      );
      expect({ status, protocol: headers[PROTOCOL_HEADER] }).toEqual({ status: 426, protocol: '1' });
      expect(JSON.parse(body).error).toMatchObject({
        code: 'PROTOCOL_MISMATCH',
        message: expect.stringContaining('9.9.9'),
        remedy: expect.stringContaining('daemon stop'),
      });
    }
    expect(daemon.asked).toEqual([]);
  });

  it('may still ask who runs, and stop it', async () => {
    const { socket, daemon } = await serving();
    expect((await ask(socket, 'GET', '/info', { [PROTOCOL_HEADER]: '2' })).status).toBe(200);
    expect((await ask(socket, 'POST', '/stop', {})).status).toBe(200);
    await waitFor(() => daemon.asked.length === 2);
    expect(daemon.asked).toEqual([['info'], ['stop']]);
  });
});

describe('watching', () => {
  it('begins with every tunnel as it is and goes on with each change', async () => {
    const { client, daemon } = await serving();
    const events = client.events();
    expect((await events.next()).value).toEqual({ tunnels: [statusOf('figma')] });
    daemon.publish(statusOf('figma', { state: 'replacing' }));
    daemon.publish(statusOf('ü'));
    daemon.withdraw('figma');
    expect((await events.next()).value).toMatchObject({ changed: { name: 'figma', state: 'replacing' } });
    expect((await events.next()).value).toMatchObject({ changed: { name: 'ü' } });
    expect((await events.next()).value).toEqual({ removed: 'figma' });
    await events.return();
  });

  it('tells what changed without an event, once a second', async () => {
    const { client, daemon, clock } = await serving();
    const before = clock.pending;
    const events = client.events();
    await events.next();
    daemon.tunnels = [statusOf('figma', { requests: { total: 7, active: 1 } })];
    await clock.advance(999);
    daemon.publish(statusOf('other'));
    expect((await events.next()).value).toMatchObject({ changed: { name: 'other' } });
    await clock.advance(1);
    expect((await events.next()).value).toMatchObject({
      changed: { name: 'figma', requests: { total: 7, active: 1 } },
    });
    // Told once, it is no news.
    await clock.advance(5_000);
    daemon.withdraw('other');
    expect((await events.next()).value).toEqual({ removed: 'other' });
    await events.return();
    await waitFor(() => clock.pending === before, { what: 'the end of the timer' });
  });

  it('brings what the user has to know, also what came up meanwhile', async () => {
    const { socket, clock, alerts } = await serving();
    const heard: string[] = [];
    const client = new ControlClient(socket, { onAlert: (alert) => heard.push(alert) });
    alerts.push('the state was damaged');
    const events = client.events();
    await events.next();
    const next = events.next();
    await waitFor(() => heard.length === 1);
    alerts.push('the disk is full');
    await clock.advance(3_000);
    await waitFor(() => heard.length === 2);
    expect(heard).toEqual(['the state was damaged', 'the disk is full']);
    await events.return();
    await next.catch(() => {});
  });

  it('fails when no sign of life comes any more, and not while there are some', async () => {
    const { socket, clock } = await serving();
    const client = new ControlClient(socket, { silenceMs: 300 });
    const events = client.events();
    await events.next();
    let outcome: unknown;
    const next = events.next().catch((error: unknown) => {
      outcome = error;
    });
    for (let beats = 0; beats < 8; beats += 1) {
      await clock.advance(1_000);
      await delay(60);
      expect(outcome).toBeUndefined();
    }
    await next;
    expect(outcome).toMatchObject({ code: 'DAEMON_SILENT' });
  });

  it('takes a daemon that sends no list first for one of another version', async () => {
    const socket = join(tempFolder(), 's.sock');
    const server = createServer((_request, response) => response.end('{"name":"figma"}\n'));
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    onTestFinished(() => void server.close());
    const error = await thrownBy(() => new ControlClient(socket).events().next());
    expect(error).toMatchObject({ code: 'PROTOCOL_MISMATCH' });
  });

  it.each(['aborts', 'breaks off'])('unsubscribes when the watcher %s', async (how) => {
    const { client, daemon } = await serving();
    const watcher = new AbortController();
    for await (const event of client.events(watcher.signal)) {
      expect(event).toHaveProperty('tunnels');
      expect(daemon.listeners.size).toBe(1);
      if (how === 'breaks off') break;
      watcher.abort();
    }
    await waitFor(() => daemon.listeners.size === 0, { what: 'the unsubscribe' });
  });

  it('ends, and does not fail, when the daemon stops', async () => {
    const { client, server, daemon } = await serving();
    const seen: unknown[] = [];
    const watching = (async () => {
      for await (const event of client.events()) seen.push(event);
    })();
    await waitFor(() => seen.length === 1);
    await server.close();
    await watching;
    expect(seen).toEqual([{ tunnels: [statusOf('figma')] }]);
    expect(daemon.listeners.size).toBe(0);
  });

  it('gives a reader that lags the latest of each tunnel instead of a backlog', async () => {
    const { client, daemon } = await serving();
    const events = client.events();
    await events.next();
    const cause = 'x'.repeat(10_000);
    const published = 2_000;
    for (let attempts = 1; attempts <= published; attempts += 1) {
      daemon.publish(
        statusOf('figma', { attempts, lastError: { code: 'X', message: cause, remedy: '', at: 0 } }),
      );
      daemon.publish(statusOf('brief', { attempts }));
    }
    daemon.withdraw('brief');
    daemon.publish(statusOf('other'));
    const seen: string[] = [];
    for await (const event of events) {
      if ('changed' in event) seen.push(`${event.changed.name} ${event.changed.attempts}`);
      if ('removed' in event) seen.push(`${event.removed} is gone`);
      if (seen.at(-1) === 'other 0') break;
    }
    expect(seen.slice(-3)).toEqual([`figma ${published}`, 'brief is gone', 'other 0']);
    expect(seen.length).toBeLessThan(published);
  });
});
