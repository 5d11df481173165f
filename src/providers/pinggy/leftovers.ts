import type { Logger } from '../../core/log.ts';
import type { SessionOwner } from '../provider.ts';
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
  if (plan.owner === undefined) return { adoptable: undefined, rest: [] };
  const found = await listOwn(engine, plan.owner, plan.tunnel, signal);
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
  owner: Marks,
  isWanted: (tunnel: string) => boolean,
  log: Logger,
): Promise<void> {
  for (const { Id, Labels } of await listOwn(engine, owner)) {
    const tunnel = Labels[LABEL.tunnel] ?? '';
    // Asked at the last moment: somebody may have brought the tunnel up meanwhile.
    if (isWanted(tunnel)) continue;
    await removeContainer(engine, Id);
    log.info({ container: Id.slice(0, 12), tunnel }, 'container left behind was removed');
  }
}

type Marks = Pick<SessionOwner, 'instance' | 'place'>;

/**
 * What this daemon made, and what one made that had its state folder before: only one can run there.
 *
 * @param tunnel all tunnels when absent.
 */
export async function listOwn(engine: Engine, owner: Marks, tunnel?: string, signal?: AbortSignal) {
  const by = (mark: keyof Marks) => {
    const filters = { label: labelFilter(mark, owner[mark], tunnel) };
    const list = () => engine.docker.listContainers({ all: true, filters });
    return engine.call('list containers', list, signal);
  };
  // One of an older version has no mark of the place, one whose state moved another place.
  const found = [...(await by('instance')), ...(await by('place'))];
  return [...new Map(found.map((container) => [container.Id, container])).values()];
}
