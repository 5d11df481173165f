/**
 * `relay.ts PORT`: an open relay that routes by path. While somebody else has the port it says that it
 * listens and tries again, as the next process of a rolling restart does. SIGTERM drains it.
 */
import { BlockList } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../../src/core/clock.ts';
import { TunneldError } from '../../../src/core/errors.ts';
import { createLogger } from '../../../src/core/log.ts';
import { type RunningRelay, startRelay } from '../../../src/relayd/start-relay.ts';
import { endWithParent } from '../end-with-parent.ts';

endWithParent();
const port = Number(process.argv[2]);
const relay = await listen();
ready();
process.once('SIGTERM', () => void relay.stop().then(() => process.exit()));

async function listen(): Promise<RunningRelay> {
  for (;;) {
    try {
      return await startRelay(
        {
          host: '127.0.0.1',
          port,
          routing: 'path',
          publicUrl: new URL('http://tunnel.test'),
          auth: { kind: 'open' },
          tls: undefined,
          trustedProxies: new BlockList(),
          proxyProtocol: false,
          mcpTunnelAgents: true,
          adminPort: undefined,
          limits: { requestsPerAddress: 0, requestsPerTunnel: 0, connectionsPerAddress: 1_000 },
          drainMs: 10_000,
        },
        systemClock,
        createLogger('error'),
      );
    } catch (error) {
      if (!(error instanceof TunneldError) || error.code !== 'PORT_IN_USE') throw error;
      ready();
      await delay(5);
    }
  }
}

function ready(): void {
  process.stdout.write(`{"listening":${port}}\n`);
}
