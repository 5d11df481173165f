import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../../src/core/clock.ts';
import { freePort } from '../helpers/free-port.ts';
import { mcpClients } from '../helpers/mcp-clients.ts';
import { startDualEra, startEverything } from '../helpers/mcp-servers.ts';
import { ReferenceRelay, type ReferenceRelayOptions } from '../helpers/mcp-tunnel/reference-relay.ts';
import { Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

const echo = { name: 'echo', arguments: { text: 'through the old relay' } };

/** The name `127` of the domain `0.0.1` needs no resolver. */
async function setUp(options: Partial<ReferenceRelayOptions>) {
  const relay = await ReferenceRelay.start({ generation: '0.2', clock: systemClock, ...options });
  onTestFinished(() => relay[Symbol.asyncDispose]());
  const home = await Tunneld.create();
  onTestFinished(() => home[Symbol.asyncDispose]());
  home.env['RELAY_TOKEN'] = 'tok_abc';
  return { relay, home };
}

function relayOptions(relay: { url: URL }, name = '127'): string[] {
  return ['--relay', relay.url.origin, '--relay-token', 'env:RELAY_TOKEN', '--name', name];
}

describe.each(['0.1', '0.2'] as const)('a tunnel through a relay of mcp-tunnel %s', (generation) => {
  it('comes up by itself, serves every client, and says what it cannot do', async () => {
    const { relay, home } = await setUp({ generation, auth: async () => ({ allowed: ['127', 'other'] }) });
    await using server = await startDualEra();
    const { url, token } = await home.up('figma', '--port', String(server.port), ...relayOptions(relay));
    expect(url.href).toBe(`http://127.0.0.1:${relay.port}/mcp`);
    for (const client of mcpClients) {
      if (!client.name.startsWith('SDK') || client.speaks.includes('legacy-sse')) continue;
      const run = await client.listToolsAndCall(url, token, echo);
      expect([client.name, run.text]).toEqual([client.name, 'through the old relay']);
    }
    const stranger = await fetch(url, { method: 'POST', body: '{}' });
    expect(stranger.status).toBe(401);

    const status = await home.status('figma');
    expect(status.health.verdict).toBe('healthy');
    expect(status.session?.notes?.[0]).toContain(`mcp-tunnel ${generation}`);
    const shown = await home.ok('status', 'figma');
    for (const note of status.session?.notes ?? []) expect(shown).toContain(`note      ${note}`);
    expect(await home.logs('figma')).not.toContain('tok_abc');
  });

  it('comes back after the relay was away', async () => {
    const { relay, home } = await setUp({ generation });
    await using server = await startDualEra();
    const { url, token } = await home.up('figma', '--port', String(server.port), ...relayOptions(relay));
    const { port } = relay;
    await relay[Symbol.asyncDispose]();
    await home.until('figma', ({ state }) => state === 'backing-off');
    const again = await ReferenceRelay.start({ generation, clock: systemClock, port });
    onTestFinished(() => again[Symbol.asyncDispose]());
    await home.until('figma', ({ state, health }) => state === 'up' && health.verdict === 'healthy');
    const run = await mcpClients[0]?.listToolsAndCall(url, token, echo);
    expect(run?.text).toBe('through the old relay');
  });

  it('fails for good, with the reason, when the relay refuses', async () => {
    const verdicts = [{ refused: 'invalid token' }, { allowed: ['myapp', 'myapp-*'] }];
    const { relay, home } = await setUp({
      generation,
      auth: async () => verdicts.shift() ?? { allowed: [] },
    });
    const port = String(await freePort());
    for (const [tunnel, code, words] of [
      ['first', 'CREDENTIAL_REJECTED', 'invalid token'],
      ['second', 'RELAY_NAME_DENIED', 'it offers: myapp, myapp-*'],
    ] as const) {
      await home.run('up', tunnel, '--port', port, ...relayOptions(relay, tunnel), '--no-wait');
      const { lastError } = await home.until(tunnel, ({ state }) => state === 'failed');
      expect(lastError).toMatchObject({ code, message: expect.stringContaining(words) });
    }
  });
});

describe('a tunnel through a relay of mcp-tunnel 0.1', () => {
  it('is not taken for broken when its server needs streams', async () => {
    const { relay, home } = await setUp({ generation: '0.1' });
    await using server = await startEverything({ transport: 'sse', port: await freePort() });
    const args = ['--port', String(server.port), '--path', '/sse', ...relayOptions(relay)];
    await home.run('up', 'figma', ...args, '--no-wait');
    const status = await home.until(
      'figma',
      ({ health }) => health.public !== undefined && !health.public.ok,
    );
    expect(status.health).toMatchObject({ verdict: 'config', public: { finding: 'no-stream' } });
    expect(status.health.remedy).toContain('Streamable HTTP');
    expect(status.replacements).toBe(0);
  });
});

describe('a tunnel through a relay of mcp-tunnel 0.2', () => {
  it('streams events as they come, and ends them at the server when the caller goes', async () => {
    const { relay, home } = await setUp({});
    const streams: ServerResponse[] = [];
    let gone = 0;
    const upstream = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      streams.push(response);
      response.on('close', () => gone++);
    });
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    onTestFinished(() => {
      upstream.closeAllConnections();
      upstream.close();
    });
    const { port } = upstream.address() as AddressInfo;
    await home.run('up', 'figma', '--port', String(port), ...relayOptions(relay), '--no-wait');
    await home.until('figma', ({ state }) => state === 'up');
    const { url, token } = await home.access('figma');
    // The probes open streams of their own, and end them by themselves.
    const caller = new AbortController();
    const answer = await fetch(`${url.origin}/events`, {
      headers: { authorization: `Bearer ${token}` },
      signal: caller.signal,
    });
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    const ours = streams.at(-1);
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      ours?.write(event);
      expect((await reader?.read())?.value).toBe(event);
    }
    const goneBefore = gone;
    caller.abort();
    // Such a relay notices at the next event.
    await waitFor(() => {
      ours?.write(': still there?\n\n');
      return gone > goneBefore;
    });
    expect(ours?.destroyed || ours?.closed).toBe(true);
  });

  it('survives that the relay takes it away together with the client it took the name from', async () => {
    const { relay, home } = await setUp({});
    await using server = await startDualEra();
    const earlier = new WebSocket(`ws://127.0.0.1:${relay.port}/_tunnel/register`);
    await once(earlier, 'open');
    earlier.send('{"token":"tok_abc","subdomain":"127"}');
    await waitFor(() => relay.tunnels.size === 1);
    await home.run('up', 'figma', '--port', String(server.port), ...relayOptions(relay), '--no-wait');
    await waitFor(() => earlier.readyState === WebSocket.CLOSED, { timeoutMs: 10_000 });
    const status = await home.until('figma', ({ health }) => health.verdict === 'healthy');
    expect(status.replacements).toBeGreaterThan(0);
  });

  it('gives way for good to somebody who registers its name', async () => {
    const { relay, home } = await setUp({});
    await using server = await startDualEra();
    await home.up('figma', '--port', String(server.port), ...relayOptions(relay));
    relay.tunnels.get('127')?.ws.close(4002, 'evicted: another client registered with the same tunnel');
    const { lastError } = await home.until('figma', ({ state }) => state === 'failed');
    expect(lastError).toMatchObject({
      code: 'RELAY_SUPERSEDED',
      message: expect.stringContaining('evicted'),
    });
  });
});
