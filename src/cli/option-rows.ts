import type { OptionRow } from '../config/option-row.ts';
import type { Option, ParsedArgs } from './command.ts';

type Rows = Readonly<Record<string, OptionRow>>;

/**
 * Options that set keys of a configuration, as a command has them.
 *
 * @param section of the configuration that the keys are in, followed by a dot
 */
export function optionsOf(rows: Rows, section = ''): Readonly<Record<string, Option>> {
  return Object.fromEntries(
    Object.entries(rows).map(([name, { read: _read, sets: _sets, key, ...option }]) => [
      name,
      { ...option, key: section + key },
    ]),
  );
}

/** The keys that one option sets. Call it for options that were given. */
export function keysSetBy(name: string, row: OptionRow, args: ParsedArgs): Readonly<Record<string, unknown>> {
  return row.read?.(args.text(name) ?? '') ?? { [row.key]: givenValue(name, row, args) };
}

function givenValue(name: string, { type, multiple, sets = true }: OptionRow, args: ParsedArgs): unknown {
  if (type === 'boolean') return sets;
  return multiple === true ? [...args.list(name)] : args.text(name);
}
