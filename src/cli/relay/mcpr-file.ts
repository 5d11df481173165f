import { parse, TomlError } from 'smol-toml';
import { nearest } from '../suggest.ts';
import type { Given, Layer, SettingsMistake } from './given.ts';
import { grantsOf } from './mcpr-names.ts';
import type { SettingName } from './settings-table.ts';

/** The keys of `[relay]`, and the flat ones of before. */
const RELAY_KEYS: Readonly<Record<string, SettingName>> = {
  domain: 'domain',
  auth_provider: 'auth-url',
  auth_provider_secret: 'auth-secret',
  tokens: 'static-token',
};
const FLAT_KEYS: Readonly<Record<string, SettingName>> = { port: 'port', relay_domain: 'domain' };

/** What mcpr's `mcpr.toml` says about its relay, and which other keys of it mean nothing here. */
export function parseMcprFile(
  content: string,
  file: string,
  mistakes: SettingsMistake[],
): { readonly layer: Layer; readonly ignored: readonly string[] } {
  const layer = new Map<SettingName, Given>();
  const complain = (place: string, what: string) =>
    mistakes.push({ text: `${file}:${place} ${what}`, from: 'file' });
  let root: Readonly<Record<string, unknown>>;
  try {
    root = parse(content);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The library goes on with a drawing of the line, which may hold a secret.
    complain(`${error.line}:${error.column}`, error.message.split('\n')[0] ?? 'is not TOML');
    return { layer, ignored: [] };
  }
  const take = (name: SettingName, key: string, value: unknown) => {
    const place = placeOf(key, content);
    const source = `${file}:${place} ${key}`;
    if (name === 'static-token') {
      const grants = grantsOf(value, key, (what) => complain(place, `${key}: ${what}`));
      if (grants.length > 0) layer.set(name, { texts: [], grants, source, from: 'file' });
    } else if (typeof value === 'string' || typeof value === 'number') {
      layer.set(name, { texts: [String(value)], source, from: 'file' });
    } else complain(place, `${key}: Expected a text`);
  };
  const { relay, ...rest } = root;
  for (const [key, name] of Object.entries(FLAT_KEYS)) {
    if (Object.hasOwn(rest, key)) take(name, key, rest[key]);
  }
  if (typeof relay === 'object' && relay !== null) {
    for (const [key, value] of Object.entries(relay)) {
      const name = Object.hasOwn(RELAY_KEYS, key) ? RELAY_KEYS[key] : undefined;
      if (name !== undefined) take(name, key, value);
      else complain(placeOf(key, content), `${key}: ${unknownKey(key)}`);
    }
  }
  const ignored = Object.keys(rest).filter((key) => !Object.hasOwn(FLAT_KEYS, key) && key !== 'mode');
  return { layer, ignored };
}

/** The library tells no places of keys: the first line that sets this one, inside `[relay]` if it can be. */
function placeOf(key: string, content: string): string {
  const lines = content.split('\n').map((line) => line.replaceAll(/["'\s]/g, ''));
  const sets = (line: string) => line.startsWith(`${key}=`) || line.startsWith(`[[relay.${key}]]`);
  const section = Object.hasOwn(FLAT_KEYS, key) ? -1 : lines.indexOf('[relay]');
  const inside = lines.findIndex((line, index) => index > section && sets(line));
  return `${Math.max(0, inside === -1 ? lines.findIndex(sets) : inside) + 1}:1`;
}

function unknownKey(key: string): string {
  const known = Object.keys(RELAY_KEYS);
  const near = nearest(key, known);
  return near === undefined
    ? `Unknown key of [relay]; known here: ${known.join(', ')}`
    : `Unknown key; did you mean "${near}"?`;
}
