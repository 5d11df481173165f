import { hashOf, type TokenGrant } from '../../relayd/static-tokens.ts';
import type { Given, Layer, SettingsMistake } from './given.ts';
import type { SettingName } from './settings-table.ts';

/** What mcp-tunnel's first generation and mcpr call our settings. The first of two names wins. */
const VARIABLES = [
  ['MCPR_RELAY_DOMAIN', 'domain'],
  ['MCPR_RELAY_PORT', 'port'],
  ['MCPR_RELAY_AUTH_URL', 'auth-url'],
  ['MCPR_AUTH_PROVIDER', 'auth-url'],
  ['MCPR_RELAY_AUTH_SECRET', 'auth-secret'],
  ['MCPR_AUTH_PROVIDER_SECRET', 'auth-secret'],
  ['MCPR_RELAY_MAX_REQUEST_BODY', 'max-request-body'],
  ['MCPR_RELAY_MAX_RESPONSE_BODY', 'max-response-body'],
] as const satisfies readonly (readonly [string, SettingName])[];

const MODE = 'MCPR_RELAY_AUTH_MODE';
const TOKENS = 'MCPR_RELAY_TOKENS';

/** What each mode needs; another way in beside it would be guesswork. */
const MODES: Readonly<Record<string, SettingName>> = {
  open: 'open',
  static: 'static-token',
  provider: 'auth-url',
};

/**
 * What the variables of mcp-tunnel and mcpr say, so that their image can be replaced by ours.
 *
 * Unlike there, a mode counts as it is written: `static` without tokens is not open, and tokens
 * beside another mode are a contradiction.
 */
export function mcprVariables(
  env: NodeJS.ProcessEnv,
  mistakes: SettingsMistake[],
): { readonly layer: Layer; readonly read: readonly string[] } {
  const layer = new Map<SettingName, Given>();
  const read: string[] = [];
  const complain = (text: string) => mistakes.push({ text, from: 'variable' });
  for (const [variable, name] of VARIABLES) {
    const value = env[variable]?.trim() ?? '';
    if (value === '') continue;
    read.push(variable);
    if (!layer.has(name)) layer.set(name, { texts: [value], source: variable, from: 'variable' });
  }
  const tokens = env[TOKENS]?.trim() ?? '';
  if (tokens !== '' && tokens !== '[]') {
    read.push(TOKENS);
    const grants = grantsOf(parseJson(tokens), TOKENS, (what) => complain(`${TOKENS}: ${what}`));
    if (grants.length > 0) layer.set('static-token', { texts: [], grants, source: TOKENS, from: 'variable' });
  }
  const mode = env[MODE]?.trim().toLowerCase() ?? '';
  if (mode !== '') {
    read.push(MODE);
    obeyMode(mode, layer, read.includes(TOKENS), complain);
  }
  return { layer, read };
}

/** `[{"token": "…", "subdomains": ["…"]}]`, as it stands in JSON and in TOML. The text is secret. */
export function grantsOf(
  list: unknown,
  what: string,
  complain: (what: string) => void,
): readonly TokenGrant[] {
  if (!Array.isArray(list)) {
    complain('Expected a list of {"token": "…", "subdomains": ["…"]}');
    return [];
  }
  const grants = new Map<string, TokenGrant>();
  for (const [index, entry] of (list as readonly unknown[]).entries()) {
    const { token, subdomains } = fieldsOf(entry);
    const patterns = Array.isArray(subdomains) ? (subdomains as readonly unknown[]) : [];
    const names = patterns.flatMap((name) =>
      typeof name === 'string' && name.trim() !== '' ? [name.trim()] : [],
    );
    if (typeof token !== 'string' || token === '' || names.length === 0 || names.length < patterns.length) {
      complain(`Entry ${index + 1} of ${what} is not {"token": "…", "subdomains": ["…"]}`);
      continue;
    }
    const sha256 = hashOf(token);
    grants.set(sha256, { sha256, patterns: names });
  }
  return [...grants.values()];
}

function obeyMode(
  mode: string,
  layer: Map<SettingName, Given>,
  hasTokens: boolean,
  complain: (text: string) => void,
): void {
  const wanted = Object.hasOwn(MODES, mode) ? MODES[mode] : undefined;
  if (wanted === undefined) {
    complain(`${MODE}: Expected open, static or provider, found "${mode}"`);
    return;
  }
  const others = (['static-token', 'auth-url'] as const).filter((name) => name !== wanted && layer.has(name));
  for (const other of others) {
    const { source } = layer.get(other) ?? { source: other };
    complain(`${MODE}=${mode} and ${source} contradict each other: take one of them away`);
  }
  if (wanted === 'open') layer.set('open', { texts: ['true'], source: `${MODE}=open`, from: 'variable' });
  else if (!layer.has(wanted) && !(wanted === 'static-token' && hasTokens)) {
    const missing = wanted === 'static-token' ? TOKENS : 'MCPR_RELAY_AUTH_URL';
    complain(`${MODE}=${mode} needs ${missing}; without it nobody could be told apart`);
  }
}

function fieldsOf(entry: unknown): { readonly token?: unknown; readonly subdomains?: unknown } {
  return typeof entry === 'object' && entry !== null ? entry : {};
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
