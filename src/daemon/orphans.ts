import type { StateStore } from '../config/state.ts';
import type { Logger } from '../core/log.ts';
import type { TunnelStatus } from '../core/status.ts';
import type { ProviderKind } from '../providers/kind.ts';
import { KINDS } from '../providers/kinds.ts';

export interface OrphanOptions {
  readonly store: StateStore;
  /** Of the state folder: see `placeOf`. */
  readonly place: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  readonly tunnels: () => readonly TunnelStatus[];
}

/**
 * Removes what a killed daemon left outside its process for tunnels nobody will open again: taken
 * out of the config file, given another provider, or lost with the state, while no daemon ran. Looks
 * nowhere where nothing can be.
 */
export async function removeOrphans(options: OrphanOptions): Promise<void> {
  for (const kind of KINDS as readonly ProviderKind[]) await removeOrphansOf(kind, options);
}

async function removeOrphansOf(
  kind: ProviderKind,
  { store, place, env, log, tunnels }: OrphanOptions,
): Promise<void> {
  if (kind.removeLeftovers === undefined) return;
  const isWanted = (name: string) =>
    tunnels().some(
      (tunnel) => tunnel.name === name && tunnel.desired === 'up' && tunnel.provider === kind.name,
    );
  // Only a provider outside this process needs the gateway's port, and so has it remembered.
  const suspects = [...store.tunnels].filter(
    ([name, { gatewayPort }]) => gatewayPort !== undefined && !isWanted(name),
  );
  // A state that was lost took with it where to look.
  const usesIt = tunnels().some(({ desired, provider }) => desired === 'up' && provider === kind.name);
  const suspected = suspects.length > 0 || usesIt;
  if (!suspected && !store.fresh) return;
  try {
    await kind.removeLeftovers({ env, instance: store.instance, place, suspected, isWanted, log });
  } catch (error) {
    const level = suspected ? 'info' : 'debug';
    log[level]({ err: error, provider: kind.name }, 'nothing could be found out about what was left behind');
    return;
  }
  for (const [name] of suspects) {
    const stored = store.tunnels.get(name);
    if (stored === undefined || isWanted(name)) continue;
    const { gatewayPort: _, ...rest } = stored;
    store.keep(name, rest);
  }
}
