import { homedir } from 'node:os';
import type { StateStore } from '../config/state.ts';
import type { Logger } from '../core/log.ts';
import type { TunnelStatus } from '../core/status.ts';

export interface OrphanOptions {
  readonly store: StateStore;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  readonly tunnels: () => readonly TunnelStatus[];
}

/**
 * Removes containers that a killed daemon left for tunnels nobody will open again: taken out of the
 * config file, or given another provider, while no daemon ran. Asks no engine where none can be.
 */
export async function removeOrphans({ store, env, log, tunnels }: OrphanOptions): Promise<void> {
  const isWanted = (name: string) =>
    tunnels().some(
      (tunnel) => tunnel.name === name && tunnel.desired === 'up' && tunnel.provider === 'pinggy',
    );
  // Only a provider outside this process needs the gateway's port, and so has it remembered.
  const suspects = [...store.tunnels].filter(
    ([name, { gatewayPort }]) => gatewayPort !== undefined && !isWanted(name),
  );
  if (suspects.length === 0) return;
  const [{ Engine }, leftovers] = await Promise.all([
    import('../providers/pinggy/engine.ts'),
    import('../providers/pinggy/leftovers.ts'),
  ]);
  try {
    const engine = await Engine.connect({ env, home: homedir(), platform: process.platform });
    await leftovers.removeOrphans(engine, store.instance, isWanted, log);
  } catch (error) {
    log.info({ err: error }, 'nothing could be found out about containers left behind');
    return;
  }
  for (const [name] of suspects) {
    const stored = store.tunnels.get(name);
    if (stored === undefined || isWanted(name)) continue;
    const { gatewayPort: _, ...rest } = stored;
    store.keep(name, rest);
  }
}
