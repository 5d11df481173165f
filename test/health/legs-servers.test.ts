import { describe, expect, it } from 'vitest';
import type { Era } from '../../src/core/status.ts';
import type { ProbeMode } from '../../src/health/dialects/speak.ts';
import { NetworkLegs } from '../../src/health/legs.ts';
import { judge } from '../../src/health/verdict.ts';
import {
  startDualEra,
  startEverything,
  startModernOnly,
  startNaiveSingleSession,
  startSdkExample,
  type TestServer,
} from '../helpers/mcp-servers.ts';
import { edgeFor, legsOptions, never } from './fixtures.ts';

interface Row {
  readonly name: string;
  readonly start: () => Promise<TestServer>;
  /** What each mode finds out about the server's revision. */
  readonly eras: Partial<Record<ProbeMode, Era | undefined>>;
  readonly server?: string;
}

const ROWS: readonly Row[] = [
  {
    name: 'server-everything over streamable HTTP',
    start: () => startEverything({ transport: 'streamableHttp' }),
    eras: { auto: 'legacy', discover: 'legacy', initialize: 'legacy', http: 'http', tcp: undefined },
    server: 'mcp-servers/everything',
  },
  {
    name: 'server-everything over legacy SSE',
    start: () => startEverything({ transport: 'sse' }),
    eras: { auto: 'legacy-sse', http: 'http', tcp: undefined },
  },
  {
    name: 'the stateless example of SDK v1',
    start: () => startSdkExample('stateless'),
    eras: { auto: 'legacy', initialize: 'legacy', http: 'http' },
    server: 'stateless-streamable-http-server',
  },
  {
    name: 'the JSON response example of SDK v1',
    start: () => startSdkExample('jsonResponse'),
    eras: { auto: 'legacy', initialize: 'legacy', http: 'http' },
    server: 'json-response-streamable-http-server',
  },
  {
    name: 'a modern-only server of SDK v2',
    start: startModernOnly,
    eras: { auto: 'modern', discover: 'modern', http: 'http' },
  },
  {
    name: 'a dual-era server of SDK v2',
    start: startDualEra,
    eras: { auto: 'modern', discover: 'modern', initialize: 'legacy', http: 'http' },
  },
  {
    name: 'a naive server with one session',
    start: startNaiveSingleSession,
    eras: { auto: 'legacy', discover: 'legacy', http: 'http', tcp: undefined },
  },
];

describe.each(ROWS)('$name', ({ start, eras, server: expectedName }) => {
  it('is healthy on both legs in every mode it supports', async () => {
    await using server = await start();
    await using edge = await edgeFor(server.url);
    for (const [mode, era] of Object.entries(eras) as [ProbeMode, Era | undefined][]) {
      const options = legsOptions(server.url, { mode });
      const legs = new NetworkLegs(options);
      for (const attempt of ['first', 'second']) {
        const local = await legs.local(never);
        const far = await legs.public(edge.publicUrl, never);
        const { verdict, cause } = judge({
          local,
          public: far,
          strikes: 0,
          traffic: undefined,
          carrier: { kind: 'unknown', detail: '' },
          absence: undefined,
          online: true,
          exposed: false,
          previous: 'unknown',
          place: { address: '127.0.0.1', path: '/mcp', timeoutMs: 1 },
        });
        expect({ mode, attempt, verdict, cause, era: local.era }).toMatchObject({ verdict: 'healthy', era });
        if (mode === 'initialize' && expectedName !== undefined) expect(local.server).toContain(expectedName);
      }
      expect(await legs.exposure(edge.publicUrl, never)).toBe('refused');
      await legs.close();
      expect(server.sessions() ?? 0, `sessions left by ${mode}`).toBeLessThanOrEqual(1);
    }
  });
});
