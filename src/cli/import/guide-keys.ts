import { findKind } from '../../providers/kinds.ts';
import { BASIC, carryToken } from './pinggy-options.ts';
import { notUnderstood, type Recipe } from './recipe.ts';
import { carryCommand, carryVariable } from './server-command.ts';
import { shellWords } from './shell-words.ts';
import { readExtraArgs } from './supergateway-line.ts';

/** One variable of a guide's `.env`, or of a line that starts its image. */
export interface GuideValue {
  readonly value: string;
}

/** What decides who carries the traffic: each image of the guide has its own keys. */
const PROVIDER_KEYS = {
  pinggy: ['PINGGY_ACCESS_TOKEN', 'PINGGY_BEARER_TOKEN'],
  ngrok: ['NGROK_AUTHTOKEN', 'NGROK_URL', 'NGROK_BASIC_AUTH'],
  https: ['ACCESS_TOKEN', 'NGINX_ACCESS_TOKEN'],
} as const;

type GuideProvider = keyof typeof PROVIDER_KEYS;

/** Whether `name` is one of the guide's own, and not the server's. */
export function isGuideKey(name: string): boolean {
  return (
    Object.hasOwn(OTHERS, name) ||
    Object.values(PROVIDER_KEYS).some((keys) => (keys as readonly string[]).includes(name))
  );
}

const OTHERS: Readonly<Record<string, string>> = {
  NPM_MCP: '',
  NPM_MCP_ARGS: '',
  SUPERGATEWAY_EXTRA_ARGS: '',
  NODE_VERSION: 'the server runs with the Node.js of this machine',
};

/** Nothing of them is printed, carried over or not. */
const SECRET_KEYS = /^(?:PINGGY_|NGROK_AUTHTOKEN$|NGROK_BASIC_AUTH$|(?:NGINX_)?ACCESS_TOKEN$|SSH_)/;

/**
 * The variables of the guides' three images: which MCP server, who carries it, who may call. What is
 * none of them is the server's own, as in the guide, whose scripts hand all of them to its container.
 *
 * @param provider what the user chose, for variables of several images
 * @throws {TunneldError} `IMPORT_NOT_UNDERSTOOD`
 */
export function readGuideKeys(
  all: ReadonlyMap<string, GuideValue>,
  provider: string | undefined,
  env: NodeJS.ProcessEnv,
  recipe: Recipe,
): void {
  const given = new Map([...all].filter(([, { value }]) => value.trim() !== ''));
  for (const [name, { value }] of all) if (value.trim() === '') recipe.leave(name, 'it has no value');
  for (const [name, { value }] of given) if (SECRET_KEYS.test(name)) recipe.secret(value.trim());
  const text = (name: string) => given.get(name)?.value.trim();
  readServer(text, env, recipe);
  const chosen = providerOf(given, provider);
  for (const [name, keys] of Object.entries(PROVIDER_KEYS)) {
    const present = keys.filter((key) => given.has(key));
    if (name === chosen) READ[name as GuideProvider](text, recipe);
    // A key of the gateway is one whoever carries the traffic.
    else if (name === 'https' && recipe.get('access.token') === undefined) readAccessToken(text, recipe);
    else
      for (const key of present) recipe.leave(key, `it is for ${name}, and the tunnel has another provider`);
  }
  for (const [name, { value }] of given) readOther(name, value, recipe);
}

type Lookup = (name: string) => string | undefined;

function readServer(text: Lookup, env: NodeJS.ProcessEnv, recipe: Recipe): void {
  const name = text('NPM_MCP');
  const args = text('NPM_MCP_ARGS');
  if (name !== undefined) {
    if (!/^(?:@[\w.-]+\/)?[\w.-]+(?:@[\w.^~-]+)?$/.test(name))
      throw notUnderstood('NPM_MCP is not the name of an npm package');
    carryCommand(
      {
        line: `npx -y ${name} ${args ?? ''}`,
        from: args === undefined ? 'NPM_MCP' : 'NPM_MCP, NPM_MCP_ARGS',
      },
      env,
      recipe,
    );
  } else if (args !== undefined) recipe.leave('NPM_MCP_ARGS', 'there is no NPM_MCP that would take them');
  const extra = text('SUPERGATEWAY_EXTRA_ARGS');
  if (extra === undefined) return;
  const [words = [], ...more] = shellWords(extra, (variable) => env[variable]).commands;
  if (more.length > 0) throw notUnderstood('SUPERGATEWAY_EXTRA_ARGS has several commands');
  readExtraArgs(words, recipe);
}

function providerOf(given: ReadonlyMap<string, unknown>, chosen: string | undefined): string | undefined {
  if (chosen !== undefined) return chosen;
  const found = (Object.keys(PROVIDER_KEYS) as GuideProvider[]).filter((name) =>
    PROVIDER_KEYS[name].some((key) => given.has(key)),
  );
  if (found.length > 1) {
    throw notUnderstood(
      `There are variables of ${found.join(', ')}, and a tunnel has one provider`,
      `Choose one: ${found.map((name) => `--provider ${name}`).join(', ')}.`,
    );
  }
  return found[0];
}

const READ: Readonly<Record<GuideProvider, (text: Lookup, recipe: Recipe) => void>> = {
  pinggy(text, recipe) {
    recipe.set('provider', 'pinggy');
    const token = text('PINGGY_ACCESS_TOKEN');
    const bearer = text('PINGGY_BEARER_TOKEN');
    if (token !== undefined) recipe.carry('PINGGY_ACCESS_TOKEN', 'pinggy.token', token);
    if (bearer !== undefined) carryToken('PINGGY_BEARER_TOKEN', bearer, recipe);
  },
  ngrok(text, recipe) {
    recipe.set('provider', 'ngrok');
    const token = text('NGROK_AUTHTOKEN');
    if (token !== undefined) recipe.carry('NGROK_AUTHTOKEN', 'ngrok.authtoken', token);
    const url = text('NGROK_URL');
    if (url !== undefined) carryNgrokUrl('NGROK_URL', url, recipe);
    const pair = text('NGROK_BASIC_AUTH');
    if (pair !== undefined) carryNgrokPair('NGROK_BASIC_AUTH', pair, recipe);
  },
  https(text, recipe) {
    if (findKind('https') !== undefined) recipe.set('provider', 'https');
    else
      recipe.advise(
        'The provider is the relay of the daemon, which only this machine can reach; `--provider` names another.',
      );
    readAccessToken(text, recipe);
  },
};

function readAccessToken(text: Lookup, recipe: Recipe): void {
  const [name, other] = PROVIDER_KEYS.https.filter((key) => text(key) !== undefined);
  if (name !== undefined) carryToken(name, text(name) ?? '', recipe);
  if (other !== undefined) recipe.leave(other, `the gateway knows one token, that of ${name}`);
}

/** `https://notes.ngrok.app`, or the host alone. */
export function carryNgrokUrl(from: string, written: string, recipe: Recipe): void {
  const text = written.includes('://') ? written : `https://${written}`;
  if (!URL.canParse(text)) throw notUnderstood(`${from} is no URL`);
  const url = new URL(text);
  if (url.protocol !== 'https:') {
    recipe.leave(from, 'tunneld opens https endpoints of ngrok');
    return;
  }
  recipe.carry(from, 'ngrok.domain', url.hostname);
}

export function carryNgrokPair(from: string, pair: string, recipe: Recipe): void {
  recipe.secret(pair);
  recipe.secret(pair.slice(pair.indexOf(':') + 1));
  if (!/^[^\s:]+:\S+$/.test(pair)) recipe.leave(from, 'it is not of the form user:password');
  else recipe.carry(from, 'ngrok.basicAuth', [pair], BASIC);
}

function readOther(name: string, value: string, recipe: Recipe): void {
  if (/^SSH_/.test(name)) recipe.leave(name, 'it is for putting the image on another machine');
  else if (!isGuideKey(name)) carryVariable(name, value, name, recipe);
  else if (Object.hasOwn(OTHERS, name) && OTHERS[name]) recipe.leave(name, OTHERS[name]);
}
