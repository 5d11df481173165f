import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import type { ProviderKind } from '../kind.ts';
import { assertPinggyOptions } from './arguments.ts';
import { pinggyCommandOptions } from './command-options.ts';
import type { EngineAddress } from './engine-address.ts';
import { PINGGY_ERRORS } from './errors.ts';
import { pinggyOptions } from './resolve-options.ts';
import { type PinggyConfig, pinggySchema } from './schema.ts';

/** Pinggy's tunnel, held by a container. */
export const pinggy = {
  name: 'pinggy',
  description: 'For `provider: pinggy`: how it is used.',
  schema: pinggySchema,
  errors: PINGGY_ERRORS,
  options: pinggyCommandOptions,
  edge: {
    writesForwarded: true,
    stopsPreflights: true,
    checksTokens: (config) => config?.edgeAuth !== false,
  },
  way: 'port',

  needsNetwork: () => true,
  assertUsable: (input) => assertPinggyOptions(pinggyOptions(input)),

  async removeLeftovers({ env, instance, place, suspected, isWanted, log }) {
    const search = { env, home: homedir(), platform: process.platform };
    const { findEngine } = await import('./engine-address.ts');
    if (!suspected && !isSocket(await findEngine(search))) return;
    const [{ Engine }, { removeOrphans }] = await Promise.all([
      import('./engine.ts'),
      import('./leftovers.ts'),
    ]);
    const engine = await Engine.connect(search);
    await removeOrphans(engine, { instance, place }, isWanted, log);
  },

  async load() {
    const { PinggyProvider } = await import('./provider.ts');
    return {
      create: (setup) => new PinggyProvider(pinggyOptions(setup), { clock: setup.clock, env: setup.env }),
    };
  },
} as const satisfies ProviderKind<PinggyConfig>;

/** Of this machine, and there: to ask it costs little. */
function isSocket(address: EngineAddress): boolean {
  return address.kind === 'socket' && existsSync(address.path);
}
