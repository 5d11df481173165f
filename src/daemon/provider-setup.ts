import { isDeepStrictEqual } from 'node:util';
import { secretValuesIn } from '../config/config-secrets.ts';
import type { TunnelConfig } from '../config/schema.ts';
import { resolveSecret } from '../config/secrets.ts';
import type { ProviderInput, ProviderKind } from '../providers/kind.ts';
import { kindOf } from '../providers/kinds.ts';
import type { TunnelProvider } from '../providers/provider.ts';

/** A provider as a tunnel's configuration makes it, with what the tunnel must know of its kind. */
export interface ConfiguredProvider {
  readonly provider: TunnelProvider;
  readonly way: ProviderKind['way'];
  /** Its edge asks for the access token: a session knows the tokens it was opened with. */
  readonly checksTokens: boolean;
}

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

/** What a provider was made from. */
export interface ProviderBasis {
  readonly facts: ReturnType<typeof providerFacts>;
  /** What its references stood for; of one that cannot be read, nothing. */
  readonly secrets: readonly string[];
}

/** @throws {TunneldError} `PROVIDER_UNKNOWN` */
export function providerBasis(config: TunnelConfig, env: NodeJS.ProcessEnv): ProviderBasis {
  const kind = kindOf(config.provider);
  const secrets = secretValuesIn(kind.schema, ownOptions(kind.name, config), env);
  return { facts: providerFacts(kind, config), secrets: secrets.map((secret) => secret.reveal()) };
}

/**
 * Whether a provider can go on, or must be made anew. What its references stand for counts only
 * when they were meant to be read again: nobody who edits another key has to pay with a session.
 */
export function fitsBasis(made: ProviderBasis | undefined, now: ProviderBasis, reread: boolean): boolean {
  if (made === undefined || !isDeepStrictEqual(made.facts, now.facts)) return false;
  return !reread || isDeepStrictEqual(made.secrets, now.secrets);
}

/** What is below the provider's name. */
export function ownOptions(name: string, config: TunnelConfig): unknown {
  return (config as Readonly<Record<string, unknown>>)[name];
}
