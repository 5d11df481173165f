import { afterEach, beforeEach, expect, it } from 'vitest';
import { Tunneld } from '../helpers/tunneld.ts';

/** A limit of open files (`ulimit -n`) that is too low. */

let home: Tunneld;

beforeEach(async () => {
  home = await Tunneld.create();
});

afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

/** What runs next may open so many files. */
function limited(files: number): void {
  home.within = ['/bin/sh', '-c', `ulimit -n ${files}; exec "$@"`, 'sh'];
}

it.runIf(process.platform !== 'win32').each(
  [48, 64, 128].flatMap((files) => [
    [files, 'run'],
    [files, 'start'],
  ]) as [number, string][],
)('of %i: `daemon %s` names it, without a stack', async (files, verb) => {
  limited(files);
  const { code, stderr } = await home.spawn(['daemon', verb]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^tunneld: SYSTEM_REFUSED: This process may open no more files \(EMFILE/);
  expect(stderr).toMatch(/^ +fix +Raise the limit of open files \(`ulimit -n 1024`/m);
  expect(stderr).not.toMatch(/node:internal|^ +at /m);
});
