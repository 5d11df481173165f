import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../src/core/log.ts';
import { Secret } from '../../src/core/secret.ts';

const VALUE = 'tnl_the-value-itself';

function capturing() {
  const lines: string[] = [];
  return {
    log: createLogger('info', { write: (line) => void lines.push(line) }),
    written: () => lines.join(''),
  };
}

describe('a secret', () => {
  it('gives its value only to who asks for it', () => {
    expect(new Secret(VALUE).reveal()).toBe(VALUE);
  });

  it.each([
    ['a string', (secret: Secret) => `${secret}`],
    ['JSON', (secret: Secret) => JSON.stringify({ deep: [{ secret }] })],
    ['the inspector', (secret: Secret) => inspect({ deep: { secret } }, { depth: 9, showHidden: true })],
    ['a format', (secret: Secret) => format('%s %o %j', secret, secret, secret)],
    ['its keys', (secret: Secret) => JSON.stringify([Object.entries(secret), { ...secret }])],
    ['an error', (secret: Secret) => inspect(new Error('failed', { cause: secret }))],
  ])('does not show in %s', (_where, print) => {
    expect(print(new Secret(VALUE))).not.toContain(VALUE);
  });

  it('does not show in the log, however deep it sits', () => {
    const { log, written } = capturing();
    const secret = new Secret(VALUE);
    log.info({ secret, a: { b: { c: [secret] } }, err: new Error('failed', { cause: secret }) }, 'tried');
    expect(written()).toContain('"msg":"tried"');
    expect(written()).not.toContain(VALUE);
  });
});

describe('the log', () => {
  it('masks what carries a token by name, in case it was not wrapped', () => {
    const { log, written } = capturing();
    const headers = { authorization: VALUE, cookie: VALUE, 'x-tunneld-token': VALUE };
    log.info({ headers, token: VALUE, authtoken: VALUE }, 'request');
    expect(written()).not.toContain(VALUE);
  });

  it('writes one JSON object a line, with the level in words and the time as text', () => {
    const { log, written } = capturing();
    log.warn({ tunnel: 'figma' }, 'went down');
    expect(JSON.parse(written())).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      tunnel: 'figma',
      msg: 'went down',
    });
  });
});
