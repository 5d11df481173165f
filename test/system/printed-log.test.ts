import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startDualEra } from '../helpers/mcp-servers.ts';
import { Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

it('prints with --log-stdout what the log files get, from the start to the end, and no token', async () => {
  await using home = await Tunneld.create();
  await using server = await startDualEra();
  const run = home.spawn(['daemon', 'run', '--log-stdout']);
  await waitFor(() => home.daemon(), { timeoutMs: 20_000, what: 'the daemon' });
  const { url, token } = await home.up('figma', `--port=${server.port}`);
  expect((await fetch(`${url}?token=${token}`)).status).toBe(401);
  await home.ok('daemon', 'stop');

  const { code, stdout, stderr } = await run;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const printed = stdout.trimEnd().split('\n');
  const filed = await Promise.all(
    ['daemon', 'figma'].map((name) => readFile(join(home.logDir, `${name}.log`), 'utf8')),
  );
  expect(printed.toSorted()).toEqual(filed.join('').trimEnd().split('\n').toSorted());
  const messages = printed.map((line) => (JSON.parse(line) as { msg: string }).msg);
  expect(messages[0]).toBe('daemon started');
  expect(messages).toEqual(expect.arrayContaining(['tunnel health changed', 'request', 'daemon stopping']));
  expect(stdout).not.toContain(token);
}, 60_000);
