import { mistakesOf } from '../../config/mistakes.ts';
import { spellKeys } from '../../config/spell-keys.ts';
import type { RelayConfig } from './keys.ts';
import { isRelayKey } from './names.ts';
import { relaySchema } from './schema.ts';
import type { SettingsMistake } from './settings-mistakes.ts';
import { type Entries, OPTIONS, type Said, type Source, valuesOf } from './sources.ts';

/** What was said, checked. */
export interface Validated {
  /** With every default filled in; undefined when there is a mistake. */
  readonly config: RelayConfig | undefined;
  readonly mistakes: readonly SettingsMistake[];
  /** The keys with a mistake. */
  readonly faulty: ReadonlySet<string>;
}

/**
 * Holds what was said against the schema. Every mistake says where it was made, in the words of that
 * place.
 *
 * @param file where a key that is missing would be written
 * @param earlier mistakes that are known already
 */
export function validate(
  entries: Entries,
  file: Said['file'],
  earlier: readonly SettingsMistake[],
): Validated {
  const { data, error } = relaySchema.safeParse(valuesOf(entries));
  const found = error === undefined ? [] : mistakesOf(error, relaySchema);
  const wrong = found
    .filter(({ path }) => path.length > 0)
    .map(({ path, what }) => mistakeAt(path, what, entries));
  // A key that is missing may be one that was misspelt in the file.
  const explained = [...earlier, ...wrong].some(({ kind }) => kind === 'file');
  const missing = found.filter(({ path }) => path.length === 0 && !explained);
  return {
    config: data,
    mistakes: [...earlier, ...wrong, ...missing.map(({ what }) => missingKey(what, entries, file))],
    faulty: new Set(found.map(({ path: [key = ''] }) => key)),
  };
}

/** A mistake in what was said at `path`. */
export function mistakeAt(path: readonly string[], what: string, entries: Entries): SettingsMistake {
  const [key = '', ...below] = path;
  const entry = entries.get(key);
  const { kind, ...source } = entry?.source ?? OPTIONS;
  const text = `${entry?.place(below) ?? OPTIONS.spell(key)}: ${inWordsOf(source, what, entries)}`;
  const offset = entry?.offset?.(below);
  return { text, kind, ...(offset === undefined ? {} : { offset }) };
}

function missingKey(what: string, entries: Entries, file: Said['file']): SettingsMistake {
  if (file === undefined) return { text: inWordsOf(OPTIONS, what, entries), kind: 'option' };
  return { text: `${file.path}: ${inWordsOf(file.source, what, entries)}`, kind: 'file' };
}

/** A key that was given is found by its place; another one is spelled as `source` does. */
function inWordsOf(source: Pick<Source, 'spell'>, what: string, entries: Entries): string {
  return spellKeys(what, (key, value) => {
    if (!isRelayKey(key)) return undefined;
    return entries.get(key)?.place() ?? source.spell(key, value);
  });
}
