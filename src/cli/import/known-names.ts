import { readFileSync } from 'node:fs';
import type { Paths } from '../../config/paths.ts';

/** Tunnels made with `tunneld up`, as the daemon keeps them. What cannot be read is the daemon's to complain about. */
export function namesInState({ stateFile }: Pick<Paths, 'stateFile'>): readonly string[] {
  try {
    const { tunnels } = JSON.parse(readFileSync(stateFile, 'utf8')) as {
      readonly tunnels?: Readonly<Record<string, { readonly source?: unknown }>>;
    };
    return Object.entries(tunnels ?? {}).flatMap(([name, { source }]) => (source === 'cli' ? [name] : []));
  } catch {
    return [];
  }
}
