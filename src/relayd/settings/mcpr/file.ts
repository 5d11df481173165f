import { parse, TomlError } from 'smol-toml';
import { nearest } from '../../../core/nearest.ts';
import type { RelayKey } from '../keys.ts';
import type { SettingsMistake } from '../settings-mistakes.ts';
import { converted, type Entry, type Said, type Source, VARIABLES } from '../sources.ts';
import { tokenEntries } from './tokens.ts';

/** The keys of `[relay]`, and the flat ones of before. */
const RELAY_TABLE: Readonly<Record<string, RelayKey>> = {
  domain: 'domain',
  auth_provider: 'authUrl',
  auth_provider_secret: 'authSecret',
  tokens: 'staticToken',
};
const FLAT: Readonly<Record<string, RelayKey>> = { port: 'port', relay_domain: 'domain' };

const MCPR_TOML: Source = {
  kind: 'file',
  spell: (key, value) => {
    const [name] = Object.entries(RELAY_TABLE).find(([, known]) => known === key) ?? [];
    return name ?? VARIABLES.spell(key, value);
  },
};

/** What mcpr's `mcpr.toml` says about its relay; the notes name other keys of it, which mean nothing here. */
export function parseMcprFile(content: string, path: string): Said {
  const entries = new Map<string, Entry>();
  const mistakes: SettingsMistake[] = [];
  const file = { path, source: MCPR_TOML };
  const complain = (line: number, column: number, what: string) =>
    void mistakes.push({ text: `${path}:${line}:${column} ${what}`, kind: 'file', offset: line });
  let root: Readonly<Record<string, unknown>>;
  try {
    root = parse(content);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The library goes on with a drawing of the line, which may hold a secret.
    complain(error.line, error.column, error.message.split('\n')[0] ?? 'is not TOML');
    return { entries, mistakes, notes: [], file };
  }
  const add = (key: RelayKey, name: string, value: unknown) => {
    const line = lineOf(name, content);
    const place = () => `${path}:${line}:1 ${name}`;
    const read =
      key === 'staticToken'
        ? tokenEntries(value, name, (what) => complain(line, 1, `${name}: ${what}`))
        : converted(key, value);
    if (Array.isArray(read) && key === 'staticToken' && read.length === 0) return;
    entries.set(key, { value: read, source: MCPR_TOML, place, offset: () => line });
  };
  const { relay, ...rest } = root;
  for (const [name, key] of Object.entries(FLAT)) if (Object.hasOwn(rest, name)) add(key, name, rest[name]);
  for (const [name, value] of Object.entries(typeof relay === 'object' ? (relay ?? {}) : {})) {
    const key = Object.hasOwn(RELAY_TABLE, name) ? RELAY_TABLE[name] : undefined;
    if (key !== undefined) add(key, name, value);
    else complain(lineOf(name, content), 1, `${name}: ${unknownKey(name)}`);
  }
  const ignored = Object.keys(rest).filter((name) => !Object.hasOwn(FLAT, name) && name !== 'mode');
  const without = ignored.length === 0 ? '' : `; its ${ignored.join(', ')} mean nothing to a relay`;
  return { entries, mistakes, notes: [`${path} was read as mcpr's${without}`], file };
}

/** The library tells no places of keys: the first line that sets this one, inside `[relay]` if it can be. */
function lineOf(key: string, content: string): number {
  const lines = content.split('\n').map((line) => line.replaceAll(/["'\s]/g, ''));
  const sets = (line: string) => line.startsWith(`${key}=`) || line.startsWith(`[[relay.${key}]]`);
  const section = Object.hasOwn(FLAT, key) ? -1 : lines.indexOf('[relay]');
  const inside = lines.findIndex((line, index) => index > section && sets(line));
  return Math.max(0, inside === -1 ? lines.findIndex(sets) : inside) + 1;
}

function unknownKey(key: string): string {
  const known = Object.keys(RELAY_TABLE);
  const near = nearest(key, known);
  return near === undefined
    ? `Unknown key of [relay]; known here: ${known.join(', ')}`
    : `Unknown key; did you mean "${near}"?`;
}
