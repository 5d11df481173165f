import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import { RelayProvider } from '../../src/providers/relay/relay-provider.ts';
import { FaultProxy } from '../helpers/fault-proxy.ts';
import { ReferenceRelay, type Verdict } from '../helpers/mcp-tunnel/reference-relay.ts';
import { describeProviderContract } from './contract.ts';

for (const generation of ['0.1', '0.2'] as const) {
  describeProviderContract(`relay, at a relay of mcp-tunnel ${generation},`, async () => {
    let decision: Verdict | undefined;
    let waiting: ((verdict: Verdict) => void)[] = [];
    const decide = (next: Verdict) => {
      decision = next;
      for (const resolve of waiting) resolve(next);
      waiting = [];
    };
    const relay = await ReferenceRelay.start({
      generation,
      clock: systemClock,
      auth: () =>
        decision !== undefined ? Promise.resolve(decision) : new Promise((resolve) => waiting.push(resolve)),
    });
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: relay.port });
    return {
      provider: new RelayProvider({
        relayUrl: () => new URL(`http://127.0.0.1:${proxy.port}`),
        token: new Secret('s3cret'),
        name: '127',
        clock: systemClock,
      }),
      admit() {
        proxy.heal();
        decide({ allowed: ['127'] });
      },
      refuse(how) {
        if (how === 'retryable') proxy.faults.refusing = true;
        else decide({ refused: 'invalid token' });
      },
      drop: () => proxy.cut(),
      held: () => proxy.connections + relay.sockets.size,
      async close() {
        await proxy.close();
        await relay[Symbol.asyncDispose]();
      },
    };
  });
}
