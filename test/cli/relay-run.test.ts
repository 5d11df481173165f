import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort } from '../helpers/free-port.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { Console } from './console.ts';

type Line = Readonly<Record<string, unknown>>;

/** A relay in this process, started from a file. */
async function startFromFile(...lines: readonly string[]) {
  const user = new Console();
  const file = join(user.folder, 'relay.yaml');
  const fixed = [`port: ${await freePort()}`, 'host: 127.0.0.1', `adminPort: ${await freePort()}`];
  const write = (...now: readonly string[]) =>
    writeFileSync(file, ['domain: a.example', ...fixed, ...now].join('\n'), { mode: 0o600 });
  write(...lines);
  const ended = user.type('relay', '--config', file);
  const logged = () =>
    user.stdout.flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Line] : []));
  const says = (msg: string) =>
    waitFor(() => logged().find((line) => line['msg'] === msg), { timeoutMs: 20_000 });
  await says('relay started');
  return {
    write,
    logged,
    says,
    hangup: () => user.hangup?.(),
    async end() {
      user.interruption.abort();
      return ended;
    },
  };
}

it('SIGHUP reads the file again, and what is wrong with it changes nothing', async () => {
  const relay = await startFromFile('staticToken: [one-hush:alice]');
  relay.write('staticToken: [one-hush:alice]', 'ratePerAddres: 5');
  relay.hangup();
  expect(await relay.says('configuration not read again')).toMatchObject({
    level: 'error',
    code: 'CONFIG_INVALID',
    detail: expect.stringMatching(/relay\.yaml:6:1 ratePerAddres: .*did you mean "ratePerAddress"/),
    remedy: expect.stringContaining('tunneld relay check'),
  });
  expect(relay.logged().some(({ msg }) => msg === 'settings read again')).toBe(false);

  relay.write('staticToken: [one-hush:alice]', 'ratePerAddress: 5', 'routing: path');
  relay.hangup();
  expect(await relay.says('settings read again')).toMatchObject({ waiting: ['routing'], auth: 'static' });

  const { code, stdout, stderr } = await relay.end();
  expect(code).toBe(0);
  expect(stdout + stderr).not.toContain('hush');
});

it('SIGHUP means nothing to a relay that ends', async () => {
  const relay = await startFromFile('staticToken: [one-hush:alice]');
  relay.write('staticToken: [one-hush:alice]', 'ratePerAddres: 5');
  const ended = relay.end();
  relay.hangup();
  expect((await ended).code).toBe(0);
  // One that was read would be complained about by now.
  await relay.says('relay stopped');
  expect(relay.logged().some(({ msg }) => msg === 'configuration not read again')).toBe(false);
});
