import { Agent, fetch as undiciFetch } from 'undici';
import { systemClock } from '../../../src/core/clock.ts';
import type { Peer } from '../../../src/core/exchange.ts';
import { Http1Server } from '../../../src/http1/server.ts';
import { NgrokHarness } from '../../helpers/ngrok/harness.ts';
import { quiet } from '../../helpers/quiet.ts';
import { describeProviderContract } from '../contract.ts';

describeProviderContract('ngrok', async () => {
  const harness = await NgrokHarness.start();
  const { edge } = harness;
  const gateways: Http1Server[] = [];
  const dispatcher = new Agent({ connect: { ca: edge.authority.cert } });
  edge.hold = true;
  return {
    provider: harness.provider(),
    admit() {
      edge.hold = false;
      edge.refuseAuth = undefined;
    },
    refuse(how) {
      const code = how === 'permanent' ? 'ERR_NGROK_107' : 'ERR_NGROK_349';
      edge.hold = false;
      edge.refuseAuth = () => ({ message: 'No.', code });
    },
    drop: () => edge.drop(),
    held: () => edge.connections,
    async gateway(accept) {
      const peer: Peer = { address: '127.0.0.1', scheme: 'https', host: '', via: 'provider' };
      const server = new Http1Server({ handler: accept, peerOf: () => peer, clock: systemClock, log: quiet });
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
