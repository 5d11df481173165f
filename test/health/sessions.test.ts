import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { describe, expect, it } from 'vitest';
import { NetworkLegs } from '../../src/health/legs.ts';
import { startEverything, startNaiveSingleSession } from '../helpers/mcp-servers.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { edgeFor, legsOptions, never } from './fixtures.ts';

describe('sessions on the server', () => {
  it.each(['auto', 'initialize'] as const)(
    'are at most one after 1,000 probes (%s)',
    { timeout: 60_000 },
    async (mode) => {
      await using server = await startEverything({ transport: 'streamableHttp' });
      await using edge = await edgeFor(server.url);
      const legs = new NetworkLegs(legsOptions(server.url, { mode }));
      for (let round = 0; round < 500; round++) {
        const results = await Promise.all([legs.local(never), legs.public(edge.publicUrl, never)]);
        expect(results.map(({ finding }) => finding)).toEqual(['ok', 'ok']);
      }
      expect(server.sessionsOpened()).toBe(mode === 'auto' ? 0 : 1);
      await legs.close();
      await waitFor(() => server.sessions() === 0, { what: 'the end of the session' });
    },
  );

  it('are opened anew, without a failure, when the server lost ours', async () => {
    const first = await startEverything({ transport: 'streamableHttp' });
    const legs = new NetworkLegs(legsOptions(first.url, { mode: 'initialize' }));
    await using edge = await edgeFor(first.url);
    await legs.local(never);
    await first.stop();
    expect(await legs.local(never)).toMatchObject({ finding: 'refused' });
    await using second = await startEverything({ transport: 'streamableHttp', port: first.port });
    expect(await legs.public(edge.publicUrl, never)).toMatchObject({ finding: 'ok' });
    expect(second.sessionsOpened()).toBe(0);
    expect(await legs.local(never)).toMatchObject({ finding: 'ok', era: 'legacy' });
    // The server says so on a pipe, which may be read later than the answer.
    await waitFor(() => second.sessionsOpened() === 1, { what: 'the session that the server opened' });
    await legs.close();
    await waitFor(() => second.sessions() === 0, { what: 'the end of the session' });
  });

  it('are left to the user where the server has only one', async () => {
    await using server = await startNaiveSingleSession();
    const legs = new NetworkLegs(legsOptions(server.url));
    await legs.local(never);
    await using user = await connect(server.url);
    expect(await legs.local(never)).toMatchObject({ finding: 'ok' });
    expect((await user.client.listTools()).tools.map(({ name }) => name)).toEqual(['echo']);
    await legs.close();
    expect((await user.client.listTools()).tools).toHaveLength(1);
    expect(server.sessionsOpened()).toBe(1);
  });

  it('are neither taken nor ended by forced initialize probes once the server says it has no more', async () => {
    await using server = await startNaiveSingleSession();
    await using user = await connect(server.url);
    const legs = new NetworkLegs(legsOptions(server.url, { mode: 'initialize' }));
    const posts = () => server.requests.filter((request) => request.startsWith('POST')).length;
    const before = posts();
    expect(await legs.local(never)).toMatchObject({ finding: 'ok' });
    expect(await legs.local(never)).toMatchObject({ finding: 'ok' });
    // One initialize, and a discover each time.
    expect(posts() - before).toBe(3);
    await legs.close();
    expect(server.requests.filter((request) => request.startsWith('DELETE'))).toEqual([]);
    expect((await user.client.listTools()).tools).toHaveLength(1);
  });
});

async function connect(url: URL): Promise<AsyncDisposable & { readonly client: Client }> {
  const client = new Client({ name: 'user', version: '1.0.0' });
  await client.connect(new StreamableHTTPClientTransport(url) as Transport);
  return { client, [Symbol.asyncDispose]: () => client.close() };
}
