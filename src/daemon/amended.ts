import { type Amendment, amendSpec, differences, flat } from '../config/amend-spec.ts';
import { masked } from '../config/config-secrets.ts';
import { faultOfKey } from '../config/mistakes.ts';
import { type TunnelConfig, type TunnelSpec, tunnelSchema } from '../config/schema.ts';
import { parseTunnelSpec } from '../config/tunnel-spec.ts';
import type { KeyChange } from '../control/api.ts';
import { TunneldError } from '../core/errors.ts';

/** A definition after an amendment. */
export interface Amended {
  readonly spec: TunnelSpec;
  readonly config: TunnelConfig;
  /** Empty when it means the same as before. */
  readonly changes: readonly KeyChange[];
}

/**
 * What becomes of a tunnel's definition, checked.
 *
 * @param before as it was written; empty for a tunnel that nobody knows yet
 * @throws {TunneldError} those of `parseTunnelSpec`
 */
export function amended(name: string, before: TunnelSpec, amendment: Amendment): Amended {
  assertKnown(name, amendment.unset ?? []);
  const spec = amendSpec(before, amendment);
  const config = parseTunnelSpec(name, spec);
  return { spec, config, changes: changesBetween(before, spec) };
}

/** An unknown key cannot be set back: it is a typing mistake. */
function assertKnown(name: string, keys: readonly string[]): void {
  const mistakes = keys.flatMap((key) => {
    const what = faultOfKey(key.split('.'), tunnelSchema);
    return what === undefined ? [] : [{ key, what }];
  });
  if (mistakes.length === 0) return;
  const list = mistakes.map(({ key, what }) => `${key}: ${what}`).join('\n  ');
  throw new TunneldError('CONFIG_INVALID', `Tunnel "${name}": ${list}`, { mistakes });
}

/** Which keys differ, without a secret in them. One that changed says so although both look alike. */
function changesBetween(before: TunnelSpec, after: TunnelSpec): readonly KeyChange[] {
  const [shownBefore, shownAfter] = [before, after].map((spec) => flat(masked(tunnelSchema, spec)));
  return differences(before, after).map(({ key, from, to }) => ({
    key,
    ...(from === undefined ? {} : { from: shownBefore?.get(key) ?? from }),
    ...(to === undefined ? {} : { to: shownAfter?.get(key) ?? to }),
  }));
}
