import { mkdir, readdir } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { expect, test } from 'vitest';
import { processes } from '../helpers/processes.ts';
import { Tunneld } from '../helpers/tunneld.ts';

test('the demo calls a tool through a tunnel, step by step, and leaves nothing behind', async () => {
  await using home = await Tunneld.create();
  const temporary = path.join(home.folder, 'tmp');
  await mkdir(temporary);
  const before = await readdir(home.folder, { recursive: true });

  const { code, stdout, stderr } = await home.spawn(['demo'], { TMPDIR: temporary });
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toMatch(/http:\/\/127\.0\.0\.1:\d+\/\S+\/mcp/);
  expect(stdout.match(/progress/gi)?.length).toBeGreaterThan(1);
  expect(stdout).toMatch(/\d ms/);

  expect(await readdir(home.folder, { recursive: true })).toEqual(before);
  const left = (await processes()).filter(({ environment }) => environment.includes(home.folder));
  expect(left.map((process) => process.arguments)).toEqual([]);
  for (const [, port] of stdout.matchAll(/127\.0\.0\.1:(\d+)/g)) {
    expect(await accepts(Number(port)), `port ${port} is closed`).toBe(false);
  }
});

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
