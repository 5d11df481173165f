import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { TunneldError } from '../../src/core/errors.ts';
import { Console } from './console.ts';
import { ScriptedDaemon } from './scripted-daemon.ts';

/** A daemon that was started without any variable of the user. */
class DaemonWithoutVariables extends ScriptedDaemon {
  override async up(name: string, spec: unknown) {
    const missing = /"env:(\w+)"/.exec(JSON.stringify(spec))?.[1];
    if (missing !== undefined)
      throw new TunneldError('SECRET_UNAVAILABLE', `The environment variable ${missing} is not set`);
    return super.up(name, spec);
  }
}

const WORDS = [
  'up',
  'figma',
  '--port',
  '1',
  '--relay',
  'https://r.example',
  '--relay-token',
  'env:RELAY_TOKEN',
];

it('keeps a variable of this shell that the running daemon does not have in a private file', async () => {
  const daemon = new DaemonWithoutVariables();
  const user = await Console.with(daemon);
  user.env['RELAY_TOKEN'] = 'tok-of-this-shell';
  const { code, stdout, stderr } = await user.type(...WORDS);
  const file = join(user.folder, 'state', 'secrets', 'RELAY_TOKEN');
  expect(code).toBe(0);
  expect(stderr).toContain(`its value in this shell is kept in ${file}`);
  expect(stdout + stderr).not.toContain('tok-of-this-shell');
  expect(readFileSync(file, 'utf8')).toBe('tok-of-this-shell');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(JSON.stringify(daemon.asked)).toContain(`"file:${file}"`);
});

it('leaves the refusal as it is when this shell does not have it either', async () => {
  const user = await Console.with(new DaemonWithoutVariables());
  const { code, stderr } = await user.type(...WORDS);
  expect(code).toBe(2);
  expect(stderr).toContain('SECRET_UNAVAILABLE');
});
