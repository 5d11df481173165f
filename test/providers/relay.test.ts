import { createHash } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import { RelayProvider } from '../../src/providers/relay/relay-provider.ts';
import type { Authorization } from '../../src/relay/edge/authorization.ts';
import { RelayServer } from '../../src/relay/edge/relay-server.ts';
import { FaultProxy } from '../helpers/fault-proxy.ts';
import { quiet } from '../helpers/quiet.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { say } from '../relay/relay-harness.ts';
import { describeProviderContract } from './contract.ts';

describeProviderContract('relay', async () => {
  const admitted: Authorization = { ok: true, identity: 'owner' };
  let decision: Authorization | undefined;
  let waiting: ((decision: Authorization) => void)[] = [];
  const decide = (next: Authorization) => {
    decision = next;
    for (const resolve of waiting) resolve(next);
    waiting = [];
  };
  const server = new RelayServer({
    host: '127.0.0.1',
    port: 0,
    routing: { kind: 'path' },
    authorize: () =>
      decision !== undefined ? Promise.resolve(decision) : new Promise((resolve) => waiting.push(resolve)),
    clock: systemClock,
    log: quiet,
  });
  const { port } = await server.listen();
  const proxy = await FaultProxy.listen({ host: '127.0.0.1', port });
  return {
    provider: new RelayProvider({
      relayUrl: () => new URL(`http://127.0.0.1:${proxy.port}`),
      token: new Secret('s3cret'),
      publicHosts: ['127.0.0.1'],
      clock: systemClock,
    }),
    admit() {
      proxy.heal();
      decide(admitted);
    },
    refuse(how) {
      if (how === 'retryable') proxy.faults.refusing = true;
      else decide({ ok: false, reason: 'credential', detail: 'unknown token' });
    },
    drop: () => proxy.cut(),
    held: () => proxy.connections + server.stats.links + server.stats.pendingLinks,
    async close() {
      await proxy.close();
      await server.close();
    },
  };
});

describe('a relay that checks access', () => {
  it('hears of tokens that changed while it was asked', async () => {
    let changed: (() => void) | undefined;
    let access = accessOf('old');
    const server = new RelayServer({
      host: '127.0.0.1',
      port: 0,
      routing: { kind: 'path' },
      enforceAccess: true,
      authorize: () => {
        access = accessOf('new');
        changed?.();
        return Promise.resolve({ ok: true, identity: 'owner' });
      },
      clock: systemClock,
      log: quiet,
    });
    const { port } = await server.listen();
    onTestFinished(() => server.close());
    const relayUrl = () => new URL(`http://127.0.0.1:${port}`);
    const provider = new RelayProvider({ relayUrl, token: new Secret('s3cret'), clock: systemClock });
    const subscribe = (listener: () => void) => {
      changed = listener;
      return () => {
        changed = undefined;
      };
    };
    const session = await provider.open(
      {
        way: 'in-process',
        name: 'figma',
        accept: say('hello'),
        access: { current: () => access, subscribe },
      },
      { signal: new AbortController().signal, log: quiet },
    );
    const ask = async (token: string) =>
      (await fetch(`${session.publicUrl}/`, { headers: { authorization: `Bearer ${token}` } })).status;
    await waitFor(async () => (await ask('new')) === 200);
    expect(await ask('old')).toBe(401);
    await session.close();
    await waitFor(() => changed === undefined);
  });
});

function accessOf(token: string) {
  const sha256 = createHash('sha256').update(token).digest('hex');
  return { tokens: [{ sha256 }], query: false, preflight: false };
}
