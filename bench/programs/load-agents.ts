/** Many users' sides in one process: an agent and a gateway for each tunnel. */
import { createHash } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { createLogger } from '../../src/core/log.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Gateway } from '../../src/gateway/gateway.ts';
import { type AgentLink, openAgentLink } from '../../src/relay/agent/agent-link.ts';
import { serve } from '../load/ipc.ts';
import { newGateway } from './tunnel.ts';

/** As many at once as would dial after a short outage, if their waits were not spread. */
const DIALS_AT_ONCE = 50;

const relayUrl = new URL(`http://127.0.0.1:${process.env['RELAY_PORT']}`);
const token = new Secret(String(process.env['AGENT_TOKEN']));
const sha256 = createHash('sha256').update(String(process.env['BENCH_TOKEN'])).digest('hex');
const log = createLogger('error');
const open = new Map<string, { readonly link: AgentLink; readonly gateway: Gateway }>();

serve({
  /** Registers tunnels `load-<from>` up to, not including, `load-<to>`. @returns milliseconds */
  async dial({ from, to }: { from: number; to: number }) {
    const started = performance.now();
    let next = from;
    const dialer = async () => {
      while (next < to) await dialOne(`load-${next++}`);
    };
    await Promise.all(Array.from({ length: DIALS_AT_ONCE }, dialer));
    return performance.now() - started;
  },

  async close() {
    const all = [...open.values()];
    open.clear();
    await Promise.all(
      all.map(async ({ link, gateway }) => {
        await link.close();
        await gateway.close();
      }),
    );
  },
});

async function dialOne(name: string): Promise<void> {
  const gateway = newGateway(name);
  const link = await openAgentLink({
    relayUrl,
    name,
    token,
    accept: (exchange) => gateway.accept(exchange),
    announce: (url) => gateway.setPublicUrl(url),
    access: { tokens: [{ sha256 }], query: false, preflight: false },
    signal: new AbortController().signal,
    clock: systemClock,
    log,
  });
  open.set(name, { link, gateway });
}
