import { isUsableToken } from '../../config/access-token.ts';
import type { Recipe } from './recipe.ts';

/** Of Pinggy's `x:` options, those that tunneld passes on as they are. */
const PASSED_ON = new Set(['fullurl', 'fullrequesturl', 'noreverseproxy', 'reverseproxy']);

/**
 * One of the options behind Pinggy's host: `k:KEY`, `x:https`, `a:Host:localhost:3845`.
 *
 * @see https://pinggy.io/docs/usages/
 */
export function readRemoteOption(option: string, recipe: Recipe): void {
  const at = option.indexOf(':');
  const kind = option.slice(0, at);
  const rest = option.slice(at + 1);
  if (kind === 'k') readKey(rest, recipe);
  else if (kind === 'b') readPair(rest, recipe);
  else if (kind === 'w') readNetworks(rest, recipe);
  else if (kind === 'a' || kind === 'u') readHeader(kind, rest, recipe);
  else if (kind === 'r') recipe.carry(option, 'pinggy.removeHeaders', [rest]);
  else if (kind === 'x') readSwitch(rest, recipe);
  else recipe.leave(`${kind}:…`, 'tunneld does not know this option of Pinggy');
}

/** The first key becomes the tunnel's own token, so that clients go on as they are. */
function readKey(key: string, recipe: Recipe): void {
  recipe.secret(key);
  if (recipe.get('access.token') !== undefined) {
    const remark = 'for the edge alone: the gateway asks for access.token';
    recipe.carry('another k:…', 'pinggy.keys', [key], remark);
    return;
  }
  carryToken('k:…', key, recipe);
}

/** An access token that clients have already, where it can be one. */
export function carryToken(from: string, token: string, recipe: Recipe): void {
  recipe.secret(token);
  if (isUsableToken(token)) {
    recipe.carry(from, 'access.token', token, 'clients go on with the token they have');
    return;
  }
  recipe.leave(from, 'a token has at least 16 characters, all of them letters, digits or one of . _ ~ -');
  recipe.advise('`tunneld up` makes a token and prints it; clients have to be told.');
}

function readPair(pair: string, recipe: Recipe): void {
  const [user = '', password = '', ...more] = pair.split(':');
  recipe.secret(password);
  recipe.secret(pair);
  if (user === '' || password === '' || more.length > 0) {
    for (const part of more) recipe.secret(part);
    recipe.leave('b:…', 'it is not of the form b:USER:PASSWORD');
    return;
  }
  recipe.carry(`b:${user}:…`, 'pinggy.basicAuth', [`${user}:${password}`], BASIC);
}

/** Said of basic auth with every provider that has it. */
export const BASIC =
  'for the edge; the gateway asks for the token as well, in another form than Authorization';

function readNetworks(list: string, recipe: Recipe): void {
  const networks = list
    .replace(/^\[|\]$/g, '')
    .split(',')
    .filter((network) => network !== '');
  recipe.carry(`w:${list}`, 'pinggy.allow', networks);
}

function readHeader(kind: 'a' | 'u', text: string, recipe: Recipe): void {
  const at = text.indexOf(':');
  const [name, value] = [text.slice(0, at), text.slice(at + 1).trim()];
  if (at < 1 || value === '') {
    recipe.leave(`${kind}:…`, `it is not of the form ${kind}:NAME:VALUE`);
    return;
  }
  if (name.toLowerCase() === 'host') {
    readHost(`${kind}:${text}`, value, recipe);
    return;
  }
  recipe.secret(value);
  const remark = kind === 'a' ? 'it takes the place of the header, where a: adds another' : undefined;
  recipe.carry(`${kind}:${name}:…`, 'pinggy.setHeaders', [`${name}: ${value}`], remark);
}

/** The server sees `localhost:PORT` unless something else is said. */
function readHost(from: string, value: string, recipe: Recipe): void {
  if (value.toLowerCase() === `localhost:${recipe.get('port')}`) recipe.same(from, 'the default');
  else recipe.carry(from, 'hostHeader', value);
}

function readSwitch(text: string, recipe: Recipe): void {
  const [name = '', ...values] = text.split(':');
  const word = name.toLowerCase();
  const from = `x:${text}`;
  if (word === 'https' || word === 'httpsonly') recipe.same(from, 'always so');
  else if (word === 'xff' && values.length === 0) recipe.same(from, 'always so');
  else if (word === 'passpreflight' || word === 'allowpreflight') {
    recipe.carry(from, 'pinggy.passPreflight', true);
  } else if (PASSED_ON.has(word) || word === 'xff') recipe.carry(from, 'pinggy.args', [from]);
  else if (word === 'localservertls') readServerTls(from, recipe);
  else if (word === 'haproxy') recipe.leave(from, 'the gateway is told the address of a caller by headers');
  else
    recipe.leave(`x:${/^[a-z]+$/i.test(name) ? name : '…'}`, 'tunneld does not know this option of Pinggy');
}

/** The way to the local server is the gateway's. */
function readServerTls(from: string, recipe: Recipe): void {
  const port = recipe.get('port');
  if (typeof port !== 'number') {
    recipe.leave(from, 'tunneld does not know the port of the server');
    return;
  }
  delete recipe.keys['port'];
  recipe.carry(from, 'url', `https://localhost:${port}/mcp`, 'the gateway speaks TLS to the server');
}
