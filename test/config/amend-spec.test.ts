import { describe, expect, it } from 'vitest';
import { amendSpec, differences } from '../../src/config/amend-spec.ts';

const relayed = { port: 3845, relay: { url: 'https://a.example', token: 'env:A', name: 'x' } } as const;

describe('a definition that is changed', () => {
  it('keeps everything that is not spoken of, however deep', () => {
    expect(
      amendSpec({ ...relayed, health: { probe: 'tcp' } }, { set: { health: { timeout: '30s' } } }),
    ).toEqual({
      ...relayed,
      health: { probe: 'tcp', timeout: '30s' },
    });
  });

  it('is not changed itself', () => {
    const before = { port: 1, health: { timeout: '1s' } };
    amendSpec(before, { set: { health: { timeout: '2s' } }, unset: ['port'] });
    expect(before).toEqual({ port: 1, health: { timeout: '1s' } });
  });

  it.each([
    [
      'a port takes the place of a URL, whose path stays',
      { url: 'http://127.0.0.1:1/sse' },
      { port: 2 },
      { port: 2, path: '/sse' },
    ],
    [
      'a URL takes the place of a port',
      { port: 1 },
      { url: 'http://127.0.0.1:2' },
      { url: 'http://127.0.0.1:2' },
    ],
    [
      'a URL with a path takes the place of a path',
      { port: 1, path: '/a' },
      { url: 'http://[::1]:2/b' },
      { url: 'http://[::1]:2/b' },
    ],
    [
      'a URL without a path leaves the path',
      { port: 1, path: '/a' },
      { url: 'http://[::1]:2' },
      { url: 'http://[::1]:2', path: '/a' },
    ],
    [
      'a path goes into the URL that has one',
      { url: 'http://[::1]:2/a' },
      { path: '/b' },
      { url: 'http://[::1]:2/b' },
    ],
    [
      'a path stands beside a URL that has none',
      { url: 'http://[::1]:2' },
      { path: '/b' },
      { url: 'http://[::1]:2', path: '/b' },
    ],
    [
      'both are left for the schema to refuse',
      { port: 1 },
      { port: 1, url: 'http://[::1]:2' },
      { port: 1, url: 'http://[::1]:2' },
    ],
  ])('%s', (_what, before, set, after) => {
    expect(amendSpec(before, { set })).toEqual(after);
  });

  it('leaves the settings of a provider together with it', () => {
    expect(amendSpec(relayed, { set: { provider: 'pinggy' } })).toEqual({ port: 3845, provider: 'pinggy' });
    const pinggy = { port: 1, provider: 'pinggy', pinggy: { region: 'eu' } } as const;
    expect(amendSpec(pinggy, { set: { provider: 'relay' } })).toEqual({ port: 1, provider: 'relay' });
    expect(amendSpec(pinggy, { set: { provider: 'pinggy', port: 2 } })).toMatchObject({
      pinggy: { region: 'eu' },
    });
  });

  it('takes the token of one relay to no other', () => {
    expect(amendSpec(relayed, { set: { relay: { url: 'https://b.example' } } }).relay).toEqual({
      url: 'https://b.example',
      name: 'x',
    });
    expect(amendSpec(relayed, { set: { relay: { url: 'https://a.example', links: 2 } } }).relay).toEqual({
      ...relayed.relay,
      links: 2,
    });
  });

  it('has a key set back, and nothing empty left around it', () => {
    expect(amendSpec({ port: 1, health: { timeout: '1s' } }, { unset: ['health.timeout'] })).toEqual({
      port: 1,
    });
    expect(amendSpec(relayed, { unset: ['relay'] })).toEqual({ port: 3845 });
    expect(amendSpec({ port: 1 }, { unset: ['path', 'access.token', '__proto__.x'] })).toEqual({ port: 1 });
  });

  it('takes a key called __proto__ for a key', () => {
    const set = JSON.parse('{"__proto__": {"polluted": true}}');
    expect(Object.hasOwn(amendSpec({ port: 1 }, { set }), '__proto__')).toBe(true);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('says which keys hold another value', () => {
    expect(
      differences(relayed, { port: 3845, path: '/sse', relay: { url: 'https://b.example', name: 'x' } }),
    ).toEqual([
      { key: 'path', from: undefined, to: '/sse' },
      { key: 'relay.token', from: 'env:A', to: undefined },
      { key: 'relay.url', from: 'https://a.example', to: 'https://b.example' },
    ]);
  });
});
