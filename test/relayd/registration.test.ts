import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { chooseName, derivedName, matchesPattern } from '../../src/relay/edge/name-choice.ts';
import { parseGrants } from '../../src/relayd/static-tokens.ts';
import { startTestRelay } from './harness.ts';

describe('a name', () => {
  it.each([
    ['', 'e3b0c44298fc'],
    ['test', '9f86d081884c'],
    ['tok_abc', '26cfed5080d0'],
    ['my-token', 'fece50d2287f'],
    ['any', 'd6a7cd2a7371'],
  ])('that follows from the token %j is %s', (token, name) => {
    expect(derivedName(token)).toBe(name);
  });

  it.each([
    ['myapp-dev', 'myapp-*', true],
    ['myapp-', 'myapp-*', true],
    ['myapp', 'myapp-*', false],
    ['a-b', 'a*-b', true],
    ['ab', 'abc*b', false],
    ['x', '*', true],
    ['a*b', 'a**b', true],
    ['axb', 'a**b', false],
    ['MyApp', 'myapp', false],
  ])('%s against the pattern %s: %s', (name, pattern, matches) => {
    expect(matchesPattern(name, pattern)).toBe(matches);
  });

  it.each([
    ['dev', ['dev', 'app-*'], { ok: true, name: 'dev' }],
    ['other', ['dev'], { ok: true, name: 'dev' }],
    ['', ['dev'], { ok: true, name: 'dev' }],
    ['', ['dev', 'app'], { ok: false, reason: 'nameDenied' }],
    ['', ['app-*'], { ok: false, reason: 'nameDenied' }],
    ['', [], { ok: false, reason: 'nameDenied' }],
    ['www', ['*'], { ok: false, reason: 'nameInvalid' }],
    ['xn--abc', ['*'], { ok: false, reason: 'nameInvalid' }],
    ['app-', ['app-*'], { ok: false, reason: 'nameInvalid' }],
  ])('%j asked for where %j may be had: %j', (wish, allowed, choice) => {
    expect(chooseName(wish, allowed, 'host')).toMatchObject(choice);
  });
});

describe('a relay with a list of tokens', () => {
  const start = () =>
    startTestRelay({
      auth: {
        kind: 'static',
        grants: () =>
          parseGrants('# team\nalice-token:alice,alice-*\nbob-token:bob\neve-token:alice', 'test'),
      },
    });

  it('gives a token the names that are its own, and says which they are otherwise', async () => {
    const relay = await start();
    const link = await relay.link('alice-dev', { token: new Secret('alice-token') });
    expect(link.publicUrl.href).toBe('http://alice-dev.tunnel.test/');
    const denied = relay.link('bob', { token: new Secret('alice-token') });
    await expect(denied).rejects.toMatchObject({
      code: 'RELAY_NAME_DENIED',
      message: expect.stringContaining('alice, alice-*'),
    });
    const only = await relay.link('figma', { token: new Secret('bob-token') });
    expect(only.publicUrl.hostname).toBe('bob.tunnel.test');
  });

  it('refuses a token it does not know, for good', async () => {
    const relay = await start();
    const refused = relay.link('alice', { token: new Secret('guess') });
    await expect(refused).rejects.toMatchObject({ code: 'CREDENTIAL_REJECTED', retryable: false });
  });

  it('keeps a name for who has it', async () => {
    const relay = await start();
    await relay.link('alice', { token: new Secret('alice-token') });
    const taken = relay.link('alice', { token: new Secret('eve-token') });
    await expect(taken).rejects.toMatchObject({ code: 'RELAY_NAME_TAKEN' });
    expect((await relay.ask('alice.tunnel.test', '/')).status).toBe(200);
  });
});

describe('an open relay', () => {
  it('derives the name of an agent without a wish from its token', async () => {
    const relay = await startTestRelay();
    const link = await relay.link('', { token: new Secret('a-token-long-enough') });
    expect(link.publicUrl.hostname).toBe(`${derivedName('a-token-long-enough')}.tunnel.test`);
  });

  it('refuses reserved names and tokens that anybody could guess', async () => {
    const relay = await startTestRelay();
    await expect(relay.link('admin')).rejects.toMatchObject({ code: 'NAME_INVALID' });
    const weak = relay.link('figma', { token: new Secret('short') });
    await expect(weak).rejects.toMatchObject({ code: 'CREDENTIAL_REJECTED' });
  });
});

describe('a relay with an auth provider', () => {
  it.each([
    [200, '{"subdomains":["mine"]}', undefined],
    [401, '{"error":"token is spent"}', { code: 'CREDENTIAL_REJECTED', message: /token is spent/ }],
    [403, 'no', { code: 'CREDENTIAL_REJECTED', message: /invalid token/ }],
    [500, '{"subdomains":["mine"]}', { code: 'RELAY_UNREACHABLE', message: /unavailable/ }],
    [200, '{"subdomains":"mine"}', { code: 'RELAY_UNREACHABLE', message: /unavailable/ }],
  ])('that answers %i %s', async (status, body, failure) => {
    const asked: unknown[] = [];
    const provider = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk) => {
        text += String(chunk);
      });
      request.on('end', () => {
        asked.push([request.url, request.headers['x-relay-secret'], JSON.parse(text)]);
        response.writeHead(status, { 'content-type': 'application/json' }).end(body);
      });
    });
    await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void provider.close());
    const url = new URL(`http://127.0.0.1:${(provider.address() as AddressInfo).port}/`);
    const relay = await startTestRelay({ auth: { kind: 'provider', url, secret: new Secret('s3cret') } });
    const opening = relay.link('', { token: new Secret('tok') });
    if (failure === undefined) expect((await opening).publicUrl.hostname).toBe('mine.tunnel.test');
    else
      await expect(opening).rejects.toMatchObject({
        code: failure.code,
        message: expect.stringMatching(failure.message),
      });
    expect(asked).toEqual([['/api/verify', 's3cret', { token: 'tok', subdomain: '' }]]);
  });
});
