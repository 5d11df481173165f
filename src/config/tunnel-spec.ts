import { type ErrorCode, TunneldError } from '../core/errors.ts';
import { type Mistake, mistakesOf } from './mistakes.ts';
import { TUNNEL_NAME, type TunnelConfig, tunnelSchema } from './schema.ts';

/**
 * Checks one tunnel as `tunneld up` sends it, and fills in the defaults.
 *
 * @throws {TunneldError} `NAME_INVALID`, `UPSTREAM_NOT_LOOPBACK`, or `CONFIG_INVALID` with every
 *   mistake, one a line: `key: what`.
 */
export function parseTunnelSpec(name: string, spec: unknown): TunnelConfig {
  assertTunnelName(name);
  const result = tunnelSchema.safeParse(spec);
  if (result.success) return result.data;
  const mistakes = mistakesOf(result.error, tunnelSchema);
  throw new TunneldError(codeFor(mistakes), describe(name, mistakes), {
    mistakes: mistakes.map(({ path, what }) => ({ key: path.join('.'), what })),
  });
}

/** @throws {TunneldError} `NAME_INVALID` */
export function assertTunnelName(name: string): void {
  if (!TUNNEL_NAME.test(name)) {
    throw new TunneldError('NAME_INVALID', `"${name}" cannot be the name of a tunnel`);
  }
}

/** A single mistake that has a code, and so a remedy, of its own is reported under it. */
function codeFor(mistakes: readonly Mistake[]): ErrorCode {
  return mistakes.length === 1 && mistakes[0]?.code === 'UPSTREAM_NOT_LOOPBACK'
    ? 'UPSTREAM_NOT_LOOPBACK'
    : 'CONFIG_INVALID';
}

function describe(name: string, mistakes: readonly Mistake[]): string {
  const lines = mistakes.map(({ path, what }) => (path.length === 0 ? what : `${path.join('.')}: ${what}`));
  return lines.length === 1
    ? `Tunnel "${name}": ${lines[0]}`
    : `Tunnel "${name}" has ${lines.length} mistakes:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
