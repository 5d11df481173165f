import { describe, expect, it } from 'vitest';
import type { Exchange } from '../../src/core/exchange.ts';
import type { SessionEnd } from '../../src/core/session-end.ts';
import { responseHead } from '../../src/http1/response-head.ts';
import type { OpenRequest, TunnelProvider } from '../../src/providers/provider.ts';
import { quiet } from '../helpers/quiet.ts';
import { waitFor } from '../helpers/wait-for.ts';

/** A provider wired to a service of its kind, plus the levers the contract needs to pull. */
export interface ProviderHarness {
  readonly provider: TunnelProvider;
  /** The service answers from now on; until then `open` stays pending. */
  admit(): void;
  /** The service refuses from now on. */
  refuse(how: 'permanent' | 'retryable'): void;
  /** The service drops every tunnel. */
  drop(): void;
  /** Attempts and tunnels the service knows of. */
  held(): number;
  /** For agents in another process: opens a loopback port that leads to `accept`. */
  gateway?(accept: (exchange: Exchange) => void): Promise<URL>;
  /** For public URLs that need more than the global `fetch`, such as a certificate of their own. */
  fetch?(url: URL): Promise<Response>;
  close(): Promise<void>;
}

/** What every adapter owes the supervisor. Run it against each one. */
export function describeProviderContract(name: string, start: () => Promise<ProviderHarness>): void {
  const contract = (what: string, run: (harness: ProviderHarness) => Promise<void>) =>
    it(what, async () => {
      const harness = await start();
      try {
        await run(harness);
      } finally {
        await harness.close();
      }
    });

  describe(`${name} honours the provider contract`, () => {
    contract('a request to the public URL reaches the gateway', async (harness) => {
      harness.admit();
      const seen: Exchange[] = [];
      const session = await open(harness, { accept: (exchange) => void seen.push(answered(exchange)) });
      expect(session.publicUrl.protocol).toMatch(/^https?:$/);
      const response = await visit(harness, `${session.publicUrl.href.replace(/\/$/, '')}/mcp?a=b`);
      expect([response.status, await response.text()]).toEqual([200, 'through']);
      expect(seen.map((exchange) => [exchange.request.target, exchange.peer.via])).toEqual([
        ['/mcp?a=b', 'provider'],
      ]);
      await session.close();
    });

    contract('closing twice, also at once, complains of nothing and keeps nothing', async (harness) => {
      harness.admit();
      const session = await open(harness);
      await Promise.all([session.close(), session.close()]);
      await session.close();
      expect(await session.closed).toEqual({ reason: 'closed-by-us' });
      await waitFor(() => harness.held() === 0);
    });

    contract('`close` resolves only after `closed` has settled', async (harness) => {
      harness.admit();
      const session = await open(harness);
      let end: SessionEnd | undefined;
      void session.closed.then((reason) => {
        end = reason;
      });
      await session.close();
      expect(end).toEqual({ reason: 'closed-by-us' });
    });

    contract('a dropped tunnel is reported through `closed`, which never rejects', async (harness) => {
      harness.admit();
      const session = await open(harness);
      harness.drop();
      expect(await session.closed).toMatchObject({
        reason: 'ended',
        error: { retryable: true, message: expect.stringMatching(/./) },
      });
      // Too late, and harmless.
      await session.close();
      expect(await session.closed).toMatchObject({ reason: 'ended', error: { retryable: true } });
      await waitFor(() => harness.held() === 0);
    });

    contract('an aborted attempt rejects with the reason and releases everything first', async (harness) => {
      const abort = new AbortController();
      const opening = open(harness, { signal: abort.signal });
      const failed = expect(opening).rejects.toThrow('no longer wanted');
      await waitFor(() => harness.held() > 0);
      abort.abort(new Error('no longer wanted'));
      await failed;
      await waitFor(() => harness.held() === 0);
    });

    contract('an attempt aborted before it began touches nothing', async (harness) => {
      harness.admit();
      const signal = AbortSignal.abort(new Error('never wanted'));
      await expect(open(harness, { signal })).rejects.toThrow('never wanted');
      expect(harness.held()).toBe(0);
    });

    contract('an abort after the opening does not end the session', async (harness) => {
      harness.admit();
      const abort = new AbortController();
      const session = await open(harness, { accept: answered, signal: abort.signal });
      abort.abort(new Error('too late'));
      expect((await visit(harness, session.publicUrl)).status).toBe(200);
      await session.close();
    });

    contract('a refusal for good carries a permanent code', async (harness) => {
      harness.refuse('permanent');
      await expect(open(harness)).rejects.toMatchObject({ name: 'TunneldError', retryable: false });
      await waitFor(() => harness.held() === 0);
    });

    contract(
      'a refusal for now carries a retryable code, and the next attempt may succeed',
      async (harness) => {
        harness.refuse('retryable');
        await expect(open(harness)).rejects.toMatchObject({ name: 'TunneldError', retryable: true });
        await waitFor(() => harness.held() === 0);
        harness.admit();
        const session = await open(harness);
        await session.close();
      },
    );
  });
}

async function open(
  harness: ProviderHarness,
  options: { accept?: (exchange: Exchange) => void; signal?: AbortSignal } = {},
) {
  const { accept = () => {}, signal = new AbortController().signal } = options;
  const gatewayUrl = await harness.gateway?.(accept);
  const name = 'contract';
  const request: OpenRequest =
    gatewayUrl === undefined ? { way: 'in-process', name, accept } : { way: 'port', name, gatewayUrl };
  return await harness.provider.open(request, { signal, log: quiet });
}

function visit(harness: ProviderHarness, url: URL | string): Promise<Response> {
  return harness.fetch === undefined ? fetch(url) : harness.fetch(new URL(url));
}

function answered(exchange: Exchange): Exchange {
  const body = Buffer.from('through');
  const head = responseHead(200, ['Content-Type', 'text/plain'], { kind: 'length', length: body.length });
  exchange.respond(head, body, true);
  return exchange;
}
