import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isUsableToken, newAccessToken } from '../../src/config/access-token.ts';
import { loadConfig } from '../../src/config/load.ts';
import { resolveAccessToken, resolveSecret } from '../../src/config/secrets.ts';
import { watchConfig } from '../../src/config/watch.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { thrownBy } from '../helpers/thrown.ts';

describe('a secret reference', () => {
  it('is the value itself unless it says otherwise', () => {
    expect(resolveSecret('plain-value', {}).reveal()).toBe('plain-value');
  });

  it('may name a variable', () => {
    expect(resolveSecret('env:TOKEN', { TOKEN: 'from-the-environment' }).reveal()).toBe(
      'from-the-environment',
    );
  });

  it.each([
    ['not set', {}],
    ['empty', { TOKEN: '' }],
  ])('to a variable that is %s is refused', async (state, env) => {
    const error = await thrownBy(() => resolveSecret('env:TOKEN', env));
    expect(error).toMatchObject({
      code: 'SECRET_UNAVAILABLE',
      message: `The environment variable TOKEN is ${state}`,
    });
  });

  it.each(['', '\n', '\r\n'])('to a file loses one line break at the end (%j)', (ending) => {
    const file = join(tempFolder(), 'token');
    writeFileSync(file, `in-the-file ${ending}`, { mode: 0o600 });
    expect(resolveSecret(`file:${file}`, {}).reveal()).toBe('in-the-file ');
  });

  it('to a file in the home folder may be written with ~', () => {
    const home = tempFolder();
    writeFileSync(join(home, 'token'), 'at-home', { mode: 0o600 });
    expect(resolveSecret('file:~/token', { HOME: home }).reveal()).toBe('at-home');
  });

  it('closes a file that others could read, and tells', () => {
    const file = join(tempFolder(), 'token');
    writeFileSync(file, 'a-secret');
    chmodSync(file, 0o640);
    const notes: string[] = [];
    resolveSecret(`file:${file}`, {}, (note) => notes.push(note));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(notes).toEqual([`${file} holds secrets and was open to others (mode 640); it is 600 now`]);
  });

  it('to a file that is missing, empty or no file is refused in words', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'empty'), '\n', { mode: 0o600 });
    mkdirSync(join(folder, 'folder'), { mode: 0o700 });
    const messages = ['missing', 'empty', 'folder', 'empty/below'].map(async (name) => {
      const error = await thrownBy(() => resolveSecret(`file:${folder}/${name}`, {}));
      expect(error.code).toBe('SECRET_UNAVAILABLE');
      return error.message.replace(folder, '');
    });
    expect(await Promise.all(messages)).toEqual([
      'The secret file /missing cannot be read: there is no such file',
      'The secret file /empty is empty',
      'The secret file /folder cannot be read: it is a folder, not a regular file',
      'The secret file /empty/below cannot be read: part of the path is not a folder',
    ]);
  });
});

describe('an access token', () => {
  it('is made of 256 random bits and can be recognised', () => {
    const token = newAccessToken((bytes) => Buffer.alloc(bytes, 0xff)).reveal();
    expect(token).toBe(`tnl_${Buffer.alloc(32, 0xff).toString('base64url')}`);
    expect(isUsableToken(token)).toBe(true);
    expect(newAccessToken().reveal()).not.toBe(newAccessToken().reveal());
  });

  it.each([
    'short',
    'has spaces in it, many',
    'slash/slash/slash/slash',
    'ünicode-ünicode-ünicode',
    `${'a'.repeat(16)}\n`,
  ])('from a variable is refused when it is %j, without showing it', async (value) => {
    const error = await thrownBy(() => resolveAccessToken('env:TOKEN', { TOKEN: value }));
    expect(error.code).toBe('SECRET_UNAVAILABLE');
    expect(error.message).toBe('The access token in env:TOKEN cannot be used');
  });
});

describe('a secret, or a configuration, that is not in a regular file', () => {
  const odd = {
    'a pipe nobody writes to': (path: string) => void execFileSync('mkfifo', [path]),
    'a device that never ends': (path: string) => symlinkSync('/dev/zero', path),
    'a folder': (path: string) => void mkdirSync(path),
    'a socket': async (path: string) => {
      const server = createServer().listen(path);
      await once(server, 'listening');
      onTestFinished(() => void server.close());
    },
  };

  it.each(Object.entries(odd))('is refused at once, and left as it is: %s', async (what, make) => {
    const path = join(tempFolder(), 'odd');
    await make(path);
    const before = statSync(path).mode;
    const secret = await thrownBy(() => resolveSecret(`file:${path}`, {}));
    expect(secret.code).toBe('SECRET_UNAVAILABLE');
    const config = await thrownBy(() => loadConfig(path, { env: {} }));
    expect(config.code).toBe('CONFIG_INVALID');
    const kind = what.split(' ').slice(0, 2).join(' ');
    for (const { message } of [secret, config])
      expect(message).toContain(`it is ${kind}, not a regular file`);
    expect(statSync(path).mode).toBe(before);
  });

  it('is refused when it is far too large to be one', async () => {
    const path = join(tempFolder(), 'huge');
    writeFileSync(path, 'x'.repeat(1_048_577), { mode: 0o600 });
    for (const read of [() => resolveSecret(`file:${path}`, {}), () => loadConfig(path, { env: {} })]) {
      expect((await thrownBy(read)).message).toMatch(/it is larger than \d+ kB/);
    }
  });

  it('is watched without being opened', async () => {
    const path = join(tempFolder(), 'odd');
    execFileSync('mkfifo', [path]);
    const watch = watchConfig(path, () => {});
    watch.close();
    expect(statSync(path).isFIFO()).toBe(true);
  });
});
