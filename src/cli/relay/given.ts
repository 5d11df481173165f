import { TunneldError } from '../../core/errors.ts';
import type { TokenGrant } from '../../relayd/static-tokens.ts';
import type { ParsedArgs } from '../command.ts';
import {
  RELAY_SETTINGS,
  type RelayValues,
  SETTING_NAMES,
  type SettingName,
  settingOf,
  variableOf,
} from './settings-table.ts';
import { Unreadable } from './value-kinds.ts';

/** What somebody wrote for one setting, and where. */
export interface Given {
  readonly texts: readonly string[];
  /** Tokens that were written apart from their names, in the manner of mcpr. */
  readonly grants?: readonly TokenGrant[];
  /** `--port`, `TUNNELD_RELAY_PORT`, `relay.yaml:3:1 port`: what a complaint starts with. */
  readonly source: string;
  readonly from: 'option' | 'variable' | 'file';
}

/** What one place says; a setting it does not name is not in it. */
export type Layer = ReadonlyMap<SettingName, Given>;

/** Something that is wrong with what was given. */
export interface SettingsMistake {
  readonly text: string;
  readonly from: Given['from'];
}

/** The first layer that names a setting counts. */
export function overlay(layers: readonly Layer[]): Layer {
  const merged = new Map<SettingName, Given>();
  for (const layer of layers) {
    for (const [name, given] of layer) if (!merged.has(name)) merged.set(name, given);
  }
  return merged;
}

export function optionsLayer(args: ParsedArgs): Layer {
  return layerOf((name) => {
    if (!args.given(name)) return undefined;
    const texts = settingOf(name).shape === 'switch' ? ['true'] : args.list(name);
    return { texts, source: `--${name}`, from: 'option' };
  });
}

/** Several words of a list stand between blanks or line breaks. An empty variable says nothing. */
export function variablesLayer(env: NodeJS.ProcessEnv): Layer {
  return layerOf((name) => {
    const variable = variableOf(name);
    const value = env[variable]?.trim() ?? '';
    if (value === '') return undefined;
    const texts = settingOf(name).shape === 'list' ? value.split(/\s+/) : [value];
    return { texts, source: variable, from: 'variable' };
  });
}

/** Reads what was given; the fallback counts where nothing was, and in place of what cannot be read. */
export function readValues(given: Layer, mistakes: SettingsMistake[]): RelayValues {
  const values = SETTING_NAMES.map((name) => {
    const { fallback } = settingOf(name);
    const said = given.get(name);
    if (said === undefined) return [name, fallback];
    try {
      const { shape, read } = settingOf(name);
      // Repeated on the command line, the last one counts.
      return [name, read(shape === 'list' ? said.texts : said.texts.slice(-1))];
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      mistakes.push({ text: `${said.source}: ${error.message}`, from: said.from });
      return [name, fallback];
    }
  });
  return Object.fromEntries(values) as RelayValues;
}

/** Where a setting was said, or how to say it. */
export function sourceOf(name: SettingName, given: Layer): string {
  return given.get(name)?.source ?? `--${name}`;
}

/** Variables that look like settings and are none, with what was probably meant. */
export async function strayVariables(env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const known = [...SETTING_NAMES.map(variableOf), CONFIG_VARIABLE].map(withoutPrefix);
  const strays = Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && env[name] !== '')
    .map(withoutPrefix)
    .filter((name) => !known.includes(name));
  if (strays.length === 0) return [];
  const { nearest } = await import('../suggest.ts');
  return strays.flatMap((name) => {
    const near = nearest(name, known);
    // Others are free to call a variable for `env:` so.
    return near === undefined ? [] : [`${PREFIX}${name} is no setting; did you mean ${PREFIX}${near}?`];
  });
}

const PREFIX = 'TUNNELD_RELAY_';

function withoutPrefix(variable: string): string {
  return variable.slice(PREFIX.length);
}

/** Names the file when `--config` does not. */
export const CONFIG_VARIABLE = 'TUNNELD_RELAY_CONFIG';

/** One error for everything that is wrong; `USAGE` when all of it was typed just now. */
export function mistakesError(mistakes: readonly SettingsMistake[]): TunneldError {
  const typed = mistakes.every(({ from }) => from === 'option');
  const [first] = mistakes;
  const message =
    mistakes.length === 1 && first !== undefined
      ? first.text
      : `The relay's settings have ${mistakes.length} mistakes:\n${mistakes.map(({ text }) => `  ${text}`).join('\n')}`;
  const remedy = typed
    ? '`tunneld relay --help` shows how it is used.'
    : 'Mend what is listed; `tunneld relay check` looks at it without starting the relay.';
  return new TunneldError(typed ? 'USAGE' : 'CONFIG_INVALID', message, { remedy });
}

function layerOf(find: (name: SettingName) => Given | undefined): Layer {
  const layer = new Map<SettingName, Given>();
  for (const name of Object.keys(RELAY_SETTINGS) as SettingName[]) {
    const given = find(name);
    if (given !== undefined) layer.set(name, given);
  }
  return layer;
}
