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
  await home.run('up', 'figma', `--port=${server.port}`, '--wait=1s');
  await waitFor(async () => (await home.status('figma')).state === 'up', { what: 'a session' });
  const before = performance.now();
  expect(await home.run('daemon', 'stop')).toMatchObject({ code: 0 });
  // A check waits for its server for ten seconds.
  expect(performance.now() - before).toBeLessThan(7_000);
});
