import type { Logger } from '../../core/log.ts';
import type { Engine } from './engine.ts';
import { LABEL, labelFilter } from './labels.ts';
import type { Plan } from './plan.ts';
import { removeContainer } from './removals.ts';
import type { HeldContainer } from './session.ts';

/** What an earlier process of this daemon left for one tunnel. */
export interface Leftovers {
  /** Runs, and was made from exactly what is wanted now. */
  readonly adoptable: HeldContainer | undefined;
  /** Everything else: to be removed. */
  readonly rest: readonly string[];
}

/** Looks for containers of this daemon and tunnel; those of others are not even listed. */
export async function findLeftovers(engine: Engine, plan: Plan, signal: AbortSignal): Promise<Leftovers> {
  if (plan.instance === undefined) return { adoptable: undefined, rest: [] };
  const found = await listOwn(engine, plan.instance, plan.tunnel, signal);
  const ids = found.map(({ Id }) => Id);
  const same = found.find(
    ({ Labels, State }) => State === 'running' && Labels[LABEL.fingerprint] === plan.fingerprint,
  );
  if (same === undefined) return { adoptable: undefined, rest: ids };

  const container = engine.docker.getContainer(same.Id);
  const { State } = await engine.call('inspect a container', () => container.inspect(), signal);
  if (!State.Running || State.Paused) return { adoptable: undefined, rest: ids };
  const port = Number(same.Labels[LABEL.debuggerPort]);
  return {
    adoptable: { id: same.Id, startedAt: State.StartedAt, debuggerPort: port > 0 ? port : undefined },
    rest: ids.filter((id) => id !== same.Id),
  };
}

/**
 * Removes containers of this daemon whose tunnels are not to be up: what a killed process left,
 * for tunnels nobody will open again.
 *
 * @param isWanted says of a tunnel's name whether opening it decides about its container.
 */
export async function removeOrphans(
  engine: Engine,
  instance: string,
  isWanted: (tunnel: string) => boolean,
  log: Logger,
): Promise<void> {
  for (const { Id, Labels } of await listOwn(engine, instance)) {
    const tunnel = Labels[LABEL.tunnel] ?? '';
    // Asked at the last moment: somebody may have brought the tunnel up meanwhile.
    if (isWanted(tunnel)) continue;
    await removeContainer(engine, Id);
    log.info({ container: Id.slice(0, 12), tunnel }, 'container left behind was removed');
  }
}

/** @param tunnel all tunnels when absent. */
export async function listOwn(engine: Engine, instance: string, tunnel?: string, signal?: AbortSignal) {
  const filters = { label: labelFilter(instance, tunnel) };
  const list = () => engine.docker.listContainers({ all: true, filters });
  return await engine.call('list containers', list, signal);
}
