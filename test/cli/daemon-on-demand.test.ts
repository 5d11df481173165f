import { expect, it } from 'vitest';
import { freePort } from '../helpers/free-port.ts';
import { processes } from '../helpers/processes.ts';
import { Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

it('starts one daemon for several commands that need one at the same moment', async () => {
  await using home = await Tunneld.create();
  const port = String(await freePort());
  const names = ['one', 'two', 'three'];

  const runs = await Promise.all(names.map((name) => home.spawn(['up', name, '--port', port, '--no-wait'])));
  // Makes the home know the daemon, so that it ends with the test.
  const { stdout } = await home.run('status', '--json');

  expect(runs.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
    names.map(() => ({ code: 0, stderr: '' })),
  );
  const known = JSON.parse(stdout).map(({ name }: { name: string }) => name);
  expect(known.sort()).toEqual([...names].sort());
  const daemons = (await processes()).filter(
    (process) => process.environment.includes(home.stateDir) && process.arguments.includes('daemon/main.js'),
  );
  expect(daemons.map(({ arguments: words }) => words)).toHaveLength(1);
});

it('keeps no daemon that was started only for a request it then refused', async () => {
  await using home = await Tunneld.create();

  expect((await home.spawn(['up', 'nobody'])).code).toBe(3);

  const left = async () =>
    (await processes()).filter(({ environment }) => environment.includes(home.stateDir));
  // It is told to stop, and needs a moment for it.
  await waitFor(async () => (await left()).length === 0, { what: 'the end of the daemon' });
  expect((await home.spawn(['status'])).code).toBe(4);
});
