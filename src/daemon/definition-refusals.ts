import { placeInFile } from '../config/place-in-file.ts';
import { parseTunnelSpec } from '../config/tunnel-spec.ts';
import type { KeyChange } from '../control/api.ts';
import { TunneldError } from '../core/errors.ts';

/** Nothing is known of such a tunnel, and nothing was said of its server. */
export function newTunnel(name: string): TunneldError {
  return new TunneldError('TUNNEL_NOT_FOUND', `"${name}" is new: say where its server is.`, {
    remedy: `\`tunneld up ${name} --port 3845\` for one on port 3845, \`tunneld up ${name} -- COMMAND\` for one over stdio; \`tunneld status\` lists the known ones.`,
  });
}

/** A tunnel of the config file, which rules. */
export async function ruledByFile(
  name: string,
  configFile: string,
  changes: readonly KeyChange[],
): Promise<TunneldError> {
  const place = await placeInFile(configFile, ['tunnels', name]);
  const keys = changes.map(({ key }) => key).join(', ');
  return new TunneldError('CONFIG_INVALID', `"${name}" is defined in ${place}, and the file rules: ${keys}`, {
    remedy: 'Change it there: the daemon follows the file as soon as it is saved.',
  });
}

/** @throws {TunneldError} `CONFIG_INVALID` for what has no keys */
export function keysOf(name: string, spec: unknown): Readonly<Record<string, unknown>> {
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) parseTunnelSpec(name, spec);
  return spec as Readonly<Record<string, unknown>>;
}
