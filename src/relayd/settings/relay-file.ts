import { reasonOf } from '../../config/private-files.ts';
import { MAX_CONFIG_BYTES, readRegularFile } from '../../config/regular-file.ts';
import { YamlText } from '../../config/yaml-text.ts';
import { TunneldError } from '../../core/errors.ts';
import { parseMcprFile } from './mcpr/file.ts';
import { CONFIG_VARIABLE } from './names.ts';
import type { SettingsMistake } from './settings-mistakes.ts';
import { converted, type Entry, type Said, type Source } from './sources.ts';

/**
 * Reads `relay.yaml`, or mcpr's file, which ends in `.toml`.
 *
 * @throws {TunneldError} `CONFIG_INVALID` when it cannot be read at all
 */
export function readRelayFile(file: string): Said {
  const content = readText(file);
  return file.endsWith('.toml') ? parseMcprFile(content, file) : parseRelayFile(content, file);
}

const RELAY_YAML: Source = {
  kind: 'file',
  spell: (key, value) => (value === undefined ? `\`${key}\`` : `\`${key}: ${value}\``),
};

/** The same for text already read. */
export function parseRelayFile(content: string, file: string): Said {
  const source = new YamlText(content);
  const mistake = (offset: number, text: string): SettingsMistake => ({
    text: `${file}:${source.place(offset)} ${text}`,
    kind: 'file',
    offset,
  });
  const mistakes = source.complaints.map(({ offset, text }) => mistake(offset, text));
  const said = { mistakes, notes: [], file: { path: file, source: RELAY_YAML } };
  const nothing = { ...said, entries: new Map() };
  if (!source.readable || source.value === null) return nothing;
  if (typeof source.value !== 'object' || Array.isArray(source.value)) {
    mistakes.push(mistake(0, 'Expected keys such as "domain: tunnel.example.com"'));
    return nothing;
  }
  const entries = new Map<string, Entry>();
  for (const [key, value] of Object.entries(source.value)) {
    const at = (below: readonly string[] = []) => source.offsetOf([key, ...below]);
    entries.set(key, {
      value: converted(key, value),
      source: RELAY_YAML,
      offset: at,
      place: (below = []) => `${file}:${source.place(at(below))} ${[key, ...below].join('.')}`,
    });
  }
  return { ...said, entries };
}

function readText(file: string): string {
  try {
    return readRegularFile(file, MAX_CONFIG_BYTES);
  } catch (cause) {
    throw new TunneldError('CONFIG_INVALID', `${file} cannot be read: ${reasonOf(cause)}`, {
      cause,
      remedy: `Check the path given with --config or ${CONFIG_VARIABLE}, and who may read it.`,
    });
  }
}
