import { describe, expect, it } from 'vitest';
import { amendSpec } from '../../src/config/amend-spec.ts';
import { parseTunnelSpec } from '../../src/config/tunnel-spec.ts';
import { upstreamOf } from '../../src/config/upstream.ts';
import { thrownBy } from '../helpers/thrown.ts';

describe('a tunnel that `tunneld up` sends', () => {
  it('gets every default', () => {
    expect(parseTunnelSpec('figma', { port: 3845 })).toMatchObject({
      provider: 'relay',
      sseKeepAlive: 15_000,
    });
  });

  it.each(['Figma', 'figma_1', '1figma', '', 'a'.repeat(33), '-a', '../x', 'a\n', 'daemon'])(
    'cannot be called %j',
    async (name) => {
      const error = await thrownBy(() => parseTunnelSpec(name, { port: 1 }));
      expect(error).toMatchObject({ code: 'NAME_INVALID', exitCode: 2 });
      expect(error.remedy).toContain('lower-case');
    },
  );

  it('that is not on this machine is refused under a code of its own', async () => {
    const error = await thrownBy(() => parseTunnelSpec('figma', { url: 'http://192.0.2.1:3845/mcp' }));
    expect(error.code).toBe('UPSTREAM_NOT_LOOPBACK');
    expect(error.remedy).toContain('--allow-remote-upstream');
  });

  it('lists all its mistakes at once', async () => {
    const spec = { url: 'http://192.0.2.1:1', prot: 1, access: { querytoken: true } };
    const error = await thrownBy(() => parseTunnelSpec('figma', spec));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message.split('\n')).toEqual([
      'Tunnel "figma" has 3 mistakes:',
      '  access.querytoken: Unknown key; did you mean "queryToken"?',
      '  prot: Unknown key; did you mean "port"?',
      '  url: The server is not on this machine; `allowRemoteUpstream: true` allows that',
    ]);
  });

  it.each([undefined, null, 'figma', [], 42])('is refused when it is %j', async (spec) => {
    const error = await thrownBy(() => parseTunnelSpec('figma', spec));
    expect(error.code).toBe('CONFIG_INVALID');
  });

  it('never shows a token it refuses', async () => {
    const error = await thrownBy(() => parseTunnelSpec('figma', { port: 1, access: { token: 'hunter2!' } }));
    expect(error.message).not.toContain('hunter2');
  });
});

describe('the upstream of a tunnel', () => {
  it.each([
    [{ port: 3845 }, '127.0.0.1', 3845, '/mcp', 'localhost:3845', 'http://127.0.0.1:3845/mcp'],
    [{ port: 1, path: '/' }, '127.0.0.1', 1, '/', 'localhost:1', 'http://127.0.0.1:1/'],
    [
      { url: 'http://localhost:3000' },
      'localhost',
      3000,
      '/mcp',
      'localhost:3000',
      'http://localhost:3000/mcp',
    ],
    [
      { url: 'http://localhost:3000/sse' },
      'localhost',
      3000,
      '/sse',
      'localhost:3000',
      'http://localhost:3000/sse',
    ],
    [{ url: 'http://[::1]:9/a', path: '/a' }, '::1', 9, '/a', 'localhost:9', 'http://[::1]:9/a'],
    [{ url: 'https://127.0.0.1' }, '127.0.0.1', 443, '/mcp', 'localhost', 'https://127.0.0.1/mcp'],
    [{ port: 1, hostHeader: 'app.local' }, '127.0.0.1', 1, '/mcp', 'app.local', 'http://127.0.0.1:1/mcp'],
    [
      { url: 'https://mcp.example.com:8443/x', allowRemoteUpstream: true },
      'mcp.example.com',
      8443,
      '/x',
      'mcp.example.com:8443',
      'https://mcp.example.com:8443/x',
    ],
  ])('of %j is found', (spec, host, port, path, hostHeader, url) => {
    const upstream = upstreamOf(parseTunnelSpec('figma', spec));
    // A port alone is looked for on both loopback addresses.
    const other = 'port' in spec ? { otherHost: '::1' } : {};
    const { protocol } = new URL(url);
    expect(upstream).toEqual({ protocol, host, port, path, hostHeader, url, ...other });
  });

  it.each([
    [{ url: 'unix:/run/files.sock' }, '/mcp', 'unix:/run/files.sock:/mcp'],
    [{ url: 'unix:///run/files.sock' }, '/mcp', 'unix:/run/files.sock:/mcp'],
    [{ url: 'unix:/run/files.sock', path: '/x' }, '/x', 'unix:/run/files.sock:/x'],
    [{ url: 'unix:/run/files.sock:/y' }, '/y', 'unix:/run/files.sock:/y'],
  ])('of %j is a Unix socket', (spec, path, url) => {
    expect(upstreamOf(parseTunnelSpec('files', spec))).toEqual({
      protocol: 'http:',
      host: 'localhost',
      port: 0,
      socketPath: '/run/files.sock',
      path,
      hostHeader: 'localhost',
      url,
    });
  });

  it.each([
    ['unix:files.sock', 'absolute path'],
    ['unix:', 'absolute path'],
    ['unix:/run/', 'absolute path'],
    [`unix:/${'a'.repeat(120)}`, 'at most 103 bytes'],
    ['unix:/run/files.sock:/mcp?x=1', 'without query'],
  ])('cannot be %j', async (url, why) => {
    expect((await thrownBy(() => parseTunnelSpec('files', { url }))).message).toContain(why);
  });

  it('keeps its socket when only the MCP path is to be another', () => {
    const spec = { url: 'unix:/run/files.sock:/y' };
    expect(amendSpec(spec, { set: { path: '/z' } })).toEqual({ url: 'unix:/run/files.sock:/z' });
    expect(amendSpec(spec, { set: { port: 1 } })).toEqual({ port: 1, path: '/y' });
  });
});
