import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { TunneldError } from '../../core/errors.ts';
import { authValues } from './keys.ts';
import { readMcprVariables } from './mcpr/variables.ts';
import { CONFIG_VARIABLE } from './names.ts';
import { readAuth } from './read-auth.ts';
import { readRelayFile } from './relay-file.ts';
import type { RelayAuth, RelaySettings } from './relay-settings.ts';
import { type SettingsMistake, settingsError } from './settings-mistakes.ts';
import {
  type Entries,
  merged,
  optionEntries,
  type Said,
  strayVariables,
  variableEntries,
} from './sources.ts';
import { toSettings } from './to-settings.ts';
import { mistakeAt, type Validated, validate } from './validate.ts';
import { literalSecrets, oddSettings } from './warnings.ts';

/** Read when it is there and no other file was named. */
const DEFAULT_FILE = '/etc/tunneld/relay.yaml';

export interface SettingsInput {
  /** What options say, by key: texts, lists of texts, `true`. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly env: NodeJS.ProcessEnv;
  /** That of `--config`. */
  readonly file?: string | undefined;
  /** Default: `/etc/tunneld/relay.yaml`. */
  readonly defaultFile?: string | undefined;
}

/** What `tunneld relay` was told, in all places together. */
export interface ReadSettings {
  readonly settings: RelaySettings;
  /** The file it was read from, if any. */
  readonly file: string | undefined;
  /** What is odd with how it was told. */
  readonly warnings: readonly string[];
}

/**
 * Reads options, variables and file, in this order of precedence, and checks everything.
 *
 * @throws {TunneldError} `USAGE` or `CONFIG_INVALID` with every mistake and where it was made;
 *   `SECRET_UNAVAILABLE`
 */
export function readRelaySettings(input: SettingsInput): ReadSettings {
  const { env } = input;
  const file = fileOf(input);
  const inFile = file === undefined ? NO_FILE : readRelayFile(file);
  const mcpr = readMcprVariables(env);
  const options = optionEntries(input.options);
  const entries = merged([options, variableEntries(env), mcpr.entries, inFile.entries]);
  const warnings = [
    ...strayVariables(env),
    ...inFile.notes,
    ...mcpr.notes,
    ...literalSecrets(options, file, inFile.entries),
  ];
  const validated = validate(entries, inFile.file, [...inFile.mistakes, ...mcpr.mistakes]);
  const { auth, refused } = authOf(validated, entries, env, (note) => void warnings.push(note));
  const { config, mistakes } = validated;
  if (config === undefined || auth === undefined || mistakes.length > 0) throw refusal(mistakes, refused);
  const settings = toSettings(config, auth, env);
  const fromMcpr = mcpr.entries.size > 0 || file?.endsWith('.toml') === true;
  return { settings, file, warnings: [...warnings, ...oddSettings(settings, entries, fromMcpr)] };
}

const AUTH_KEYS = Object.keys(authValues.shape) as readonly (keyof typeof authValues.shape)[];

const NO_FILE: Said = { entries: new Map(), mistakes: [], notes: [] };

function fileOf({ file, env, defaultFile = DEFAULT_FILE }: SettingsInput): string | undefined {
  const named = file ?? (env[CONFIG_VARIABLE] || undefined);
  if (named !== undefined) return resolve(named);
  return existsSync(defaultFile) ? defaultFile : undefined;
}

interface FoundAuth {
  /** Absent: it cannot be told yet, for a mistake that is known already. */
  readonly auth?: RelayAuth;
  /** What is wrong with the secrets themselves. */
  readonly refused?: { readonly mistake: SettingsMistake; readonly error: TunneldError };
}

/** Who may register; also when other keys have mistakes, so that all are listed at once. */
function authOf(
  { faulty }: Validated,
  entries: Entries,
  env: NodeJS.ProcessEnv,
  onNote: (note: string) => void,
): FoundAuth {
  const key = entries.has('staticToken') ? 'staticToken' : 'authSecret';
  const needed = key === 'staticToken' ? (['staticToken', 'routing'] as const) : AUTH_KEYS;
  const { data } = authValues.safeParse(
    Object.fromEntries(needed.map((name) => [name, entries.get(name)?.value])),
  );
  if (data === undefined || ['', ...needed].some((name) => faulty.has(name))) return {};
  const place = entries.get(key)?.place() ?? key;
  try {
    return { auth: readAuth(data, { env, place, onNote }) };
  } catch (error) {
    if (!(error instanceof TunneldError)) throw error;
    return { refused: { mistake: mistakeAt([key], error.message, entries), error } };
  }
}

/** A single secret that cannot be read has a code of its own. */
function refusal(mistakes: readonly SettingsMistake[], refused: FoundAuth['refused']): TunneldError {
  if (refused === undefined) return settingsError(mistakes);
  const { mistake, error } = refused;
  if (mistakes.length > 0 || error.code !== 'SECRET_UNAVAILABLE')
    return settingsError([...mistakes, mistake]);
  return new TunneldError(error.code, mistake.text, { cause: error, remedy: error.remedy });
}
