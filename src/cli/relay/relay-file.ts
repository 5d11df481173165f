import { readFileSync } from 'node:fs';
import { reasonOf } from '../../config/private-files.ts';
import { YamlText } from '../../config/yaml-text.ts';
import { TunneldError } from '../../core/errors.ts';
import { nearest } from '../suggest.ts';
import type { Given, Layer, SettingsMistake } from './given.ts';
import { keyOf, SETTING_NAMES, type SettingName, settingOf } from './settings-table.ts';

/**
 * What `relay.yaml` says, or mcpr's file, which ends in `.toml`. Every mistake in it goes to
 * `mistakes`, with line and column.
 *
 * @throws {TunneldError} `CONFIG_INVALID` when it cannot be read
 */
export async function readRelayFile(
  file: string,
  mistakes: SettingsMistake[],
  onNote: (note: string) => void,
): Promise<Layer> {
  const content = readText(file);
  if (!file.endsWith('.toml')) return parse(content, file, mistakes);
  const { parseMcprFile } = await import('./mcpr-file.ts');
  const { layer, ignored } = parseMcprFile(content, file, mistakes);
  const rest = ignored.length === 0 ? '' : `; its ${ignored.join(', ')} mean nothing to a relay`;
  onNote(`${file} was read as mcpr's${rest}`);
  return layer;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new TunneldError('CONFIG_INVALID', `${file} cannot be read: ${reasonOf(cause)}`, {
      cause,
      remedy: 'Check the path given with --config or TUNNELD_RELAY_CONFIG, and who may read it.',
    });
  }
}

function parse(content: string, file: string, mistakes: SettingsMistake[]): Layer {
  const layer = new Map<SettingName, Given>();
  const source = new YamlText(content);
  const complain = (offset: number, what: string) =>
    mistakes.push({ text: `${file}:${source.place(offset)} ${what}`, from: 'file' });
  for (const { offset, text } of source.complaints) complain(offset, text);
  if (source.complaints.length > 0 || source.value === null) return layer;
  if (typeof source.value !== 'object' || Array.isArray(source.value)) {
    complain(0, 'Expected keys such as "domain: tunnel.example.com"');
    return layer;
  }
  for (const [key, value] of Object.entries(source.value)) {
    const offset = source.offsetOf([key]);
    const name = SETTING_NAMES.find((candidate) => keyOf(candidate) === key);
    if (name === undefined) {
      complain(offset, `${key}: ${unknownKey(key)}`);
      continue;
    }
    const texts = textsOf(name, value);
    if (typeof texts === 'string') complain(offset, `${key}: ${texts}`);
    else layer.set(name, { texts, source: `${file}:${source.place(offset)} ${key}`, from: 'file' });
  }
  return layer;
}

/** The words a value stands for, or what is wrong with it. */
function textsOf(name: SettingName, value: unknown): readonly string[] | string {
  const { shape, secret } = settingOf(name);
  if (Array.isArray(value)) {
    if (shape !== 'list') return 'Expected one value, found a list';
    const texts = value.map((item: unknown) => textsOf(name, item));
    return texts.find((item) => typeof item === 'string') ?? texts.flat();
  }
  if (typeof value === 'string') return [value];
  // 0123 and 1e5 are numbers to YAML: what it makes of a secret is not what was written.
  if (secret === true && value !== null && typeof value !== 'object')
    return 'Expected text: put it in quotes';
  if (typeof value === 'number' || typeof value === 'boolean') return [String(value)];
  return value === null ? 'Expected a value, found nothing' : 'Expected a value, found keys below this one';
}

function unknownKey(key: string): string {
  const known = SETTING_NAMES.map(keyOf);
  const near = nearest(key, known);
  return near === undefined
    ? `Unknown key; known here: ${known.join(', ')}`
    : `Unknown key; did you mean "${near}"?`;
}
