import { fromText } from '../../config/typed-text.ts';
import { nearest } from '../../core/nearest.ts';
import { relayKeys } from './keys.ts';
import { CONFIG_VARIABLE, isRelayKey, optionOf, RELAY_KEYS, VARIABLE_PREFIX, variableOf } from './names.ts';
import type { SettingsMistake, SourceKind } from './settings-mistakes.ts';

/** A kind of place, with its own words for the keys. */
export interface Source {
  readonly kind: SourceKind;
  /** How a key, or `key: value`, is spelled there. */
  spell(key: string, value?: string): string;
}

/** What one place says for one key. */
export interface Entry {
  /** As `relay.yaml` would hold it; not validated yet. */
  readonly value: unknown;
  readonly source: Source;
  /** Where it is: `--port`, `TUNNELD_RELAY_PORT`, `relay.yaml:3:1 port`. `below` leads to a part of it. */
  place(below?: readonly string[]): string;
  /** Characters from the start of a file. Absent elsewhere. */
  offset?(below: readonly string[]): number;
}

/** What is said by key. A key of a file may be one that does not exist. */
export type Entries = ReadonlyMap<string, Entry>;

/** What one place says, and what is wrong with it besides its values. */
export interface Said {
  readonly entries: Entries;
  readonly mistakes: readonly SettingsMistake[];
  /** What its reader should know. */
  readonly notes: readonly string[];
  /** Of a file. */
  readonly file?: { readonly path: string; readonly source: Source };
}

export const OPTIONS: Source = {
  kind: 'option',
  spell: (key, value) =>
    value === undefined || value === 'true' ? `--${optionOf(key)}` : `--${optionOf(key)} ${value}`,
};

export const VARIABLES: Source = {
  kind: 'variable',
  spell: (key, value) => (value === undefined ? variableOf(key) : `${variableOf(key)}=${value}`),
};

/** The first that has a key counts. */
export function merged(sources: readonly Entries[]): Entries {
  return new Map(sources.toReversed().flatMap((source) => [...source]));
}

/** @param options texts, lists of texts and `true`, by key */
export function optionEntries(options: Readonly<Record<string, unknown>>): Entries {
  return entriesOf((key) => {
    const value = options[key];
    if (value === undefined) return undefined;
    const place = () => `--${optionOf(key)}`;
    return { value: converted(key, value), source: OPTIONS, place };
  });
}

/** An empty variable says nothing. The entries of a list stand between blanks or line breaks. */
export function variableEntries(env: NodeJS.ProcessEnv): Entries {
  return entriesOf((key) => {
    const name = variableOf(key);
    const text = env[name]?.trim() ?? '';
    if (text === '') return undefined;
    const value = converted(key, text);
    const split = Array.isArray(value) ? text.split(/\s+/) : value;
    return { value: split, source: VARIABLES, place: () => name };
  });
}

/** A text becomes what the key takes; anything else stays as it is, for the schema to judge. */
export function converted(key: string, value: unknown): unknown {
  if (!isRelayKey(key) || value === null || typeof value === 'object') return value;
  const schema = relayKeys[key];
  if (typeof value === 'string') return fromText(schema, value);
  // 1 and 0 say yes and no where nothing else is meant by a number.
  const read = fromText(schema, String(value));
  return typeof read === 'boolean' ? read : value;
}

/** By key, for the schema. */
export function valuesOf(entries: Entries): Readonly<Record<string, unknown>> {
  return Object.fromEntries([...entries].map(([key, { value }]) => [key, value]));
}

/** Variables that look like settings and are none, with what was probably meant. */
export function strayVariables(env: NodeJS.ProcessEnv): readonly string[] {
  const known = [...RELAY_KEYS.map(variableOf), CONFIG_VARIABLE].map(withoutPrefix);
  const strays = Object.keys(env)
    .filter((name) => name.startsWith(VARIABLE_PREFIX) && env[name] !== '')
    .map(withoutPrefix)
    .filter((name) => !known.includes(name));
  return strays.flatMap((name) => {
    const near = nearest(name, known);
    // It may be a variable that an `env:` reference names.
    return near === undefined
      ? []
      : [`${VARIABLE_PREFIX}${name} is no setting; did you mean ${VARIABLE_PREFIX}${near}?`];
  });
}

function withoutPrefix(variable: string): string {
  return variable.slice(VARIABLE_PREFIX.length);
}

function entriesOf(find: (key: (typeof RELAY_KEYS)[number]) => Entry | undefined): Entries {
  return new Map(
    RELAY_KEYS.flatMap((key) => {
      const entry = find(key);
      return entry === undefined ? [] : [[key, entry] as const];
    }),
  );
}
