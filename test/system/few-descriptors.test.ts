import { afterEach, beforeEach, expect, it } from 'vitest';
import { askSlowly, startHeldServer } from '../helpers/held-server.ts';
import { Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

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

// Since Node 22 modules are read one after another, and so few are enough.
it.each([48, 64])('of %i: a daemon that cannot start with it names it, without a stack', async (files) => {
  limited(files);
  const started = await home.spawn(['daemon', 'start']);
  if (started.code === 0) {
    expect(await home.spawn(['status'])).toMatchObject({ code: 0 });
    return;
  }
  for (const { code, stderr } of [started, await home.spawn(['daemon', 'run'])]) {
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tunneld: SYSTEM_REFUSED: This process may open no more files \(EMFILE/);
    expect(stderr).toMatch(/^ +fix +Raise the limit of open files \(`ulimit -n 1024`/m);
    expect(stderr).not.toMatch(/node:internal|^ +at /m);
  }
});

// Elsewhere the limit is not read, and only the system itself refuses.
it.runIf(process.platform === 'linux')(
  'of 256: as many of 300 callers as can be served are, and no server is blamed for the others',
  { timeout: 180_000 },
  async () => {
    limited(256);
    await using server = await startHeldServer();
    const access = await home.up('figma', `--port=${server.port}`);
    let refused = 0;
    const calls = Array.from({ length: 300 }, async () => {
      const said = await askSlowly(access).catch(() => 'turned out');
      if (said !== '200 late') refused += 1;
      return said;
    });
    await waitFor(() => server.waiting + refused === 300, {
      timeoutMs: 90_000,
      what: 'each caller to be let in or refused',
    });
    const served = server.waiting;
    server.release();
    const said = await Promise.all(calls);
    expect(said.filter((answer) => answer === '200 late')).toHaveLength(served);
    expect(served).toBeGreaterThan(60);
    const told = said.filter((answer) => answer !== '200 late' && answer !== 'turned out');
    for (const answer of told) expect(answer).toMatch(/^503 .*too-many-connections/s);
    await home.until('figma', ({ health }) => health.verdict === 'healthy');
  },
);
