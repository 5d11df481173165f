import type { OptionRow } from '../config/option-row.ts';
import { isLiteral, secretsIn } from '../config/secret-fields.ts';
import type { ProviderKind } from '../providers/kind.ts';
import { KINDS } from '../providers/kinds.ts';
import type { Command, ParsedArgs } from './command.ts';
import { keysSetBy, optionsOf } from './option-rows.ts';
import { usage } from './parse.ts';

/** The options of `up` that are a provider's own, as each provider lists them. */
export const PROVIDER_OPTIONS: Command['options'] = Object.assign(
  {},
  ...kinds().map(({ name, options }) => optionsOf(options, `${name}.`)),
);

/**
 * What those options say, below the name of their provider; empty when none was given.
 *
 * @throws {TunneldError} `USAGE`; a secret typed as it is would be in every list of processes.
 */
export function providerSpecOf(args: ParsedArgs): Record<string, unknown> {
  return Object.fromEntries(
    kinds().flatMap((kind) => {
      const given = Object.entries(kind.options).filter(([name]) => args.given(name));
      if (given.length === 0) return [];
      return [[kind.name, Object.assign({}, ...given.map(([name, row]) => keysOf(kind, name, row, args)))]];
    }),
  );
}

function keysOf(kind: ProviderKind, name: string, row: OptionRow, args: ParsedArgs): object {
  const keys = keysSetBy(name, row, args);
  const typed = secretsIn(kind.schema, keys).filter(isLiteral);
  if (typed.some(({ part }) => part.everyday !== true)) {
    const why = 'a secret on the command line can be read by others: give env:NAME or file:PATH';
    throw usage({ name: 'up' }, `--${name}: ${why}`);
  }
  return keys;
}

function kinds(): readonly ProviderKind[] {
  return KINDS;
}
