import { parseJson } from '../../../core/parse-json.ts';
import type { RelayKey } from '../keys.ts';
import type { SettingsMistake } from '../settings-mistakes.ts';
import { converted, type Entry, type Said, type Source, VARIABLES } from '../sources.ts';
import { tokenEntries } from './tokens.ts';

/** What mcp-tunnel's first generation and mcpr call our settings. The first of two names wins. */
const NAMES = [
  ['MCPR_RELAY_DOMAIN', 'domain'],
  ['MCPR_RELAY_PORT', 'port'],
  ['MCPR_RELAY_AUTH_URL', 'authUrl'],
  ['MCPR_AUTH_PROVIDER', 'authUrl'],
  ['MCPR_RELAY_AUTH_SECRET', 'authSecret'],
  ['MCPR_AUTH_PROVIDER_SECRET', 'authSecret'],
  ['MCPR_RELAY_MAX_REQUEST_BODY', 'maxRequestBody'],
  ['MCPR_RELAY_MAX_RESPONSE_BODY', 'maxResponseBody'],
] as const satisfies readonly (readonly [string, RelayKey])[];

const MODE = 'MCPR_RELAY_AUTH_MODE';
const TOKENS = 'MCPR_RELAY_TOKENS';

const MCPR_VARIABLES: Source = {
  kind: 'variable',
  spell: (key, value) => {
    const [name] = NAMES.find(([, known]) => known === key) ?? [];
    if (name === undefined) return VARIABLES.spell(key, value);
    return value === undefined ? name : `${name}=${value}`;
  },
};

/** What each mode needs; another way in beside it would be guesswork. */
const MODES: Readonly<Record<string, RelayKey>> = {
  open: 'open',
  static: 'staticToken',
  provider: 'authUrl',
};

/**
 * What the variables of mcp-tunnel and mcpr say, so that their image can be replaced by ours.
 *
 * Unlike there, a mode counts as it is written: `static` without tokens is not open, and tokens
 * beside another mode are a contradiction.
 */
export function readMcprVariables(env: NodeJS.ProcessEnv): Said {
  const entries = new Map<string, Entry>();
  const mistakes: SettingsMistake[] = [];
  const read: string[] = [];
  const complain = (text: string) => void mistakes.push({ text, kind: 'variable' });
  const add = (key: RelayKey, value: unknown, place: string) =>
    void entries.set(key, { value, source: MCPR_VARIABLES, place: () => place });
  for (const [variable, key] of NAMES) {
    const text = env[variable]?.trim() ?? '';
    if (text === '') continue;
    read.push(variable);
    if (!entries.has(key)) add(key, converted(key, text), variable);
  }
  const tokens = env[TOKENS]?.trim() ?? '';
  if (tokens !== '' && tokens !== '[]') {
    read.push(TOKENS);
    const found = tokenEntries(parseJson(tokens), TOKENS, (what) => complain(`${TOKENS}: ${what}`));
    if (found.length > 0) add('staticToken', found, TOKENS);
  }
  const mode = env[MODE]?.trim().toLowerCase() ?? '';
  if (mode !== '') {
    read.push(MODE);
    for (const fault of faultsOfMode(mode, entries, read.includes(TOKENS))) complain(fault);
    if (mode === 'open') add('open', true, `${MODE}=open`);
  }
  const notes =
    read.length === 0 ? [] : [`read from the variables of mcp-tunnel and mcpr: ${read.join(', ')}`];
  return { entries, mistakes, notes };
}

function faultsOfMode(
  mode: string,
  entries: ReadonlyMap<string, Entry>,
  hasTokens: boolean,
): readonly string[] {
  const wanted = Object.hasOwn(MODES, mode) ? MODES[mode] : undefined;
  if (wanted === undefined) return [`${MODE}: Expected open, static or provider, found "${mode}"`];
  const contradictions = (['staticToken', 'authUrl'] as const).flatMap((key) => {
    const other = key === wanted ? undefined : entries.get(key)?.place();
    if (other === undefined) return [];
    return [`${MODE}=${mode} and ${other} contradict each other: take one of them away`];
  });
  const given = wanted === 'open' || entries.has(wanted) || (wanted === 'staticToken' && hasTokens);
  if (given) return contradictions;
  const needed = wanted === 'staticToken' ? TOKENS : 'MCPR_RELAY_AUTH_URL';
  return [...contradictions, `${MODE}=${mode} needs ${needed}; without it nobody could be told apart`];
}
