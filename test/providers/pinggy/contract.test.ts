import { Agent, fetch as undiciFetch } from 'undici';
import { systemClock } from '../../../src/core/clock.ts';
import type { Peer } from '../../../src/core/exchange.ts';
import { Http1Server } from '../../../src/http1/server.ts';
import { describeWithEngine } from '../../helpers/docker-engine.ts';
import { PinggyHarness } from '../../helpers/pinggy-harness.ts';
import { quiet } from '../../helpers/quiet.ts';
import { describeProviderContract } from '../contract.ts';

describeWithEngine('Pinggy on a real engine', (engine) => {
  describeProviderContract('pinggy', async () => {
    const harness = await PinggyHarness.start(engine(), {}, { name: 'contract' });
    const { edge, provider } = harness;
    const gateways: Http1Server[] = [];
    const dispatcher = new Agent({ connect: { ca: edge.certificate.cert } });
    edge.mode = 'no-url';
    return {
      provider,
      admit: () => {
        edge.mode = 'serve';
      },
      refuse: (how) => {
        edge.mode = how === 'permanent' ? 'deny' : 'refuse-forward';
      },
      drop: () => edge.drop(),
      held: () => edge.connections,
      async gateway(accept) {
        const peer: Peer = { address: '127.0.0.1', scheme: 'https', host: '', via: 'provider' };
        const server = new Http1Server({
          handler: accept,
          peerOf: () => peer,
          clock: systemClock,
          log: quiet,
        });
        gateways.push(server);
        const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
        return new URL(`http://127.0.0.1:${port}`);
      },
      // The same class under another name: Node's own `fetch` is an older undici.
      fetch: async (url) => (await undiciFetch(url, { dispatcher })) as unknown as Response,
      async close() {
        await dispatcher.destroy();
        await Promise.all(gateways.map((server) => server.close()));
        await harness[Symbol.asyncDispose]();
      },
    };
  });
});
