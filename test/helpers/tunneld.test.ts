import { expect, it } from 'vitest';
import { processes } from './processes.ts';
import { Tunneld } from './tunneld.ts';

const within = async (home: Tunneld) =>
  (await processes()).filter(({ environment }) => environment.includes(home.stateDir));

it('a home ends the daemon that nobody noted, and leaves no process', async () => {
  const home = await Tunneld.create();
  // As after a command that ran out of time: started, and not asked for its pid.
  await home.spawn(['daemon', 'start']);
  expect(await within(home)).toHaveLength(1);
  await home[Symbol.asyncDispose]();
  expect(await within(home)).toEqual([]);
});
