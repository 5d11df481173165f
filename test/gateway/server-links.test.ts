import { describe, expect, it } from 'vitest';
import { type CallerSide, ServerLinks } from '../../src/gateway/server-links.ts';
import { ServerNames } from '../../src/gateway/server-names.ts';

const NAMES = new ServerNames({
  protocol: 'http:',
  host: '192.168.1.5',
  port: 3845,
  hostHeader: 'localhost:3845',
});

function linksFor(side: Partial<CallerSide> = {}): ServerLinks {
  return new ServerLinks({
    names: NAMES,
    target: '/mcp',
    routing: '/figma',
    secret: '',
    origin: 'https://relay.example',
    publicHosts: ['relay.example'],
    ...side,
  });
}

describe('a reference of the server', () => {
  it.each([
    ['/mcp/', '/figma/mcp/'],
    ['/figma/mcp/', '/figma/mcp/'],
    ['/figma?x', '/figma?x'],
    ['/figmalion', '/figma/figmalion'],
    ['http://localhost:3845/mcp/', 'https://relay.example/figma/mcp/'],
    ['HTTP://LOCALHOST:3845/mcp/?a=b#c', 'https://relay.example/figma/mcp/?a=b#c'],
    ['https://127.0.0.1:3845/mcp', 'https://relay.example/figma/mcp'],
    ['http://127.8.9.1:3845', 'https://relay.example/figma/'],
    ['http://[::1]:3845?a', 'https://relay.example/figma/?a'],
    ['http://[::]:3845/a', 'https://relay.example/figma/a'],
    ['http://0.0.0.0:3845/a', 'https://relay.example/figma/a'],
    ['http://0:3845/a', 'https://relay.example/figma/a'],
    ['http://192.168.1.5:3845/a', 'https://relay.example/figma/a'],
    ['http://user:pw@localhost:3845/a', 'https://relay.example/figma/a'],
    ['//localhost:3845/a', 'https://relay.example/figma/a'],
    ['http://relay.example/a', 'https://relay.example/figma/a'],
    ['https://relay.example/figma/a', 'https://relay.example/figma/a'],
    ['https://relay.example:443/a', 'https://relay.example/figma/a'],
    ['/../evil/x', '/figma/evil/x'],
    ['/a/%2e%2E/../../x', '/figma/x'],
    ['../../x', '/figma/x'],
    ['/%C3%A4/\xc3\xa4?\xc3\xa4', '/figma/%C3%A4/\xc3\xa4?\xc3\xa4'],
    ['messages?id=1', 'messages?id=1'],
    ['?id=1', '?id=1'],
    ['', ''],
    ['http://[bad', 'http://[bad'],
    ['https://localhost:3845.evil.example/a', 'https://localhost:3845.evil.example/a'],
    [
      'http://localhost:3845/.well-known/oauth-protected-resource/mcp',
      'https://relay.example/.well-known/oauth-protected-resource/figma/mcp',
    ],
    [
      'https://relay.example/.well-known/oauth-protected-resource/figma/mcp',
      'https://relay.example/.well-known/oauth-protected-resource/figma/mcp',
    ],
    [
      'https://relay.example/figma/.well-known/oauth-protected-resource',
      'https://relay.example/.well-known/oauth-protected-resource/figma',
    ],
  ])('%j is %j for the caller', (reference, led) => {
    expect(linksFor().url(reference)).toBe(led);
  });

  it.each([
    'http://localhost:3846/a',
    'http://localhost/a',
    'http://localhost:3845@evil.example/a',
    'https://other.example/a',
    '//other.example/a',
    '\\\\other.example/a',
    '/\\other.example/a',
    ' \t//other.example/a',
    '/\t/other.example/a',
    '///other.example/a',
    'https:/other.example/a',
    'http:relay.example/a',
    'http://127.0.0.1.nip.io:3845/a',
    'myapp://callback?code=1',
    'javascript:alert(1)',
  ])('%j leads to another server', (reference) => {
    expect(linksFor().url(reference)).toBeUndefined();
  });

  it('holds a secret path only where the caller is to follow it', () => {
    const links = linksFor({ secret: '/t/abc' });

    expect(links.path('/messages')).toBe('/figma/t/abc/messages');
    expect(links.path('/figma/t/abc/messages')).toBe('/figma/t/abc/messages');
    expect(links.path('/messages', false)).toBe('/figma/messages');
    expect(links.url('http://localhost:3845/.well-known/oauth-protected-resource/mcp')).toBe(
      'https://relay.example/.well-known/oauth-protected-resource/figma/t/abc/mcp',
    );
    expect(links.cookiePath('/mcp')).toBe('/figma');
    expect(linksFor({ secret: '/t/abc', routing: '' }).cookiePath('/mcp')).toBe('/');
  });

  it('may begin with the name of the tunnel by itself', () => {
    const links = linksFor({ target: '/figma/mcp' });

    expect(links.path('/figma/messages')).toBe('/figma/figma/messages');
    expect(links.path('/figma/figma/messages')).toBe('/figma/figma/messages');
  });

  it('needs no change without a prefix, but for its host', () => {
    const links = linksFor({ routing: '' });

    expect([links.path('.//evil.example/a'), links.path('http://localhost:3845//evil.example')]).toEqual([
      '/.//evil.example/a',
      '/.//evil.example',
    ]);
    expect([links.url('/a'), links.url('http://localhost:3845/a')]).toEqual([
      '/a',
      'https://relay.example/a',
    ]);
  });
});
