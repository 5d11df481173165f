import { rssBytes } from '../child.ts';
import type { RelayProcess, RelayStats } from './processes.ts';

/** The highest value of each number seen while something ran. */
export interface Peak extends RelayStats {
  /** Resident memory of the relay and of the agents (bytes). */
  readonly relayRss: number;
  readonly agentsRss: number;
}

const LOOK_EVERY_MS = 100;

/** Looks at both processes all the time until `work` is over. */
export async function withPeak<T>(
  relay: RelayProcess,
  agentsPid: number,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly peak: Peak }> {
  let peak: Peak = { links: 0, pendingLinks: 0, streams: 0, connections: 0, relayRss: 0, agentsRss: 0 };
  const look = async () => {
    const [stats, relayRss, agentsRss] = await Promise.all([
      relay.stats(),
      rssBytes(relay.pid),
      rssBytes(agentsPid),
    ]);
    peak = higher(peak, { ...stats, relayRss, agentsRss });
  };
  let over = false;
  const watching = (async () => {
    while (!over) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  })();
  try {
    const result = await work();
    return { result, peak };
  } finally {
    over = true;
    await watching;
  }
}

function higher(a: Peak, b: Peak): Peak {
  return {
    links: Math.max(a.links, b.links),
    pendingLinks: Math.max(a.pendingLinks, b.pendingLinks),
    streams: Math.max(a.streams, b.streams),
    connections: Math.max(a.connections, b.connections),
    relayRss: Math.max(a.relayRss, b.relayRss),
    agentsRss: Math.max(a.agentsRss, b.agentsRss),
  };
}
