import { TunneldError } from '../core/errors.ts';
import type { ProviderKind } from './kind.ts';
import { ngrok } from './ngrok/kind.ts';
import { pinggy } from './pinggy/kind.ts';
import { relay } from './relay/kind.ts';

/** Every provider there is. The first is what a tunnel uses that names none. */
export const KINDS = [
  relay, //
  pinggy,
  ngrok,
] as const satisfies readonly ProviderKind[];

export const DEFAULT_PROVIDER: string = KINDS[0].name;

export function findKind(name: string): ProviderKind | undefined {
  return KINDS.find((kind) => kind.name === name);
}

/** @throws {TunneldError} `PROVIDER_UNKNOWN` */
export function kindOf(name: string): ProviderKind {
  const kind = findKind(name);
  if (kind !== undefined) return kind;
  throw new TunneldError('PROVIDER_UNKNOWN', `No provider is called "${name}"`, {
    remedy: `Use one of: ${KINDS.map((known) => known.name).join(', ')}.`,
  });
}
