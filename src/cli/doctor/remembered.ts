import { readFile } from 'node:fs/promises';
import { type TunnelConfig, tunnelSchema } from '../../config/schema.ts';

/**
 * The tunnels that the daemon would bring back, read from its state without touching it; undefined
 * when the state cannot be read, and nobody can tell.
 */
export async function rememberedTunnels(
  stateFile: string,
): Promise<ReadonlyMap<string, TunnelConfig> | undefined> {
  let text: string;
  try {
    text = await readFile(stateFile, 'utf8');
  } catch (cause) {
    // No daemon ever ran here: it remembers nothing, and that is known.
    return (cause as NodeJS.ErrnoException).code === 'ENOENT' ? new Map() : undefined;
  }
  try {
    const { tunnels } = JSON.parse(text) as { tunnels: Record<string, { spec?: unknown }> };
    return new Map(
      Object.entries(tunnels).flatMap(([name, { spec }]) => {
        const parsed = tunnelSchema.safeParse(spec);
        return parsed.success ? [[name, parsed.data] as const] : [];
      }),
    );
  } catch {
    return undefined;
  }
}
