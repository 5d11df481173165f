import { afterEach, beforeEach, expect, it } from 'vitest';
import { startMute } from '../helpers/hostile-servers.ts';
import { Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

let home: Tunneld;

beforeEach(async () => {
  home = await Tunneld.create();
});

afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

it('a daemon stops at once although a check of its own still waits for a server that hangs', async () => {
  await using server = await startMute();
  // Longer than a command may take: who waits for the check fails.
  await home.writeConfig(`tunnels: { figma: { port: ${server.port}, health: { timeout: 120s } } }\n`);
  await home.run('up', 'figma', '--wait=1s');
  await waitFor(async () => (await home.status('figma')).state === 'up', {
    timeoutMs: 20_000,
    what: 'a session',
  });
  expect(await home.run('daemon', 'stop')).toMatchObject({ code: 0 });
});
