import type { TunnelConfig } from '../config/schema.ts';
import { resolveSecret } from '../config/secrets.ts';
import type { ProviderInput, ProviderKind } from '../providers/kind.ts';

/** What a tunnel's configuration says to its provider. */
export function providerInput(
  kind: ProviderKind,
  config: TunnelConfig,
  env: NodeJS.ProcessEnv,
  onNote?: (note: string) => void,
): ProviderInput<unknown> {
  const [, own, pages] = providerFacts(kind, config);
  return { config: own, pages, secret: (reference) => resolveSecret(reference, env, onNote) };
}

/**
 * The part of the configuration a provider is made from: with any other its sessions go on. All of
 * its own options are in it, whatever they are, so that an edit of one never does nothing.
 */
export function providerFacts(
  { name, edge }: ProviderKind,
  config: TunnelConfig,
): readonly [name: string, own: unknown, pages: boolean] {
  return [name, ownOptions(name, config), edge.stopsPreflights && config.access.origins.length > 0];
}

/** What is below the provider's name. */
export function ownOptions(name: string, config: TunnelConfig): unknown {
  return (config as Readonly<Record<string, unknown>>)[name];
}
