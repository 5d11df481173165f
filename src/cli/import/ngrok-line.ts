import { type FlagTable, readFlags } from './flags.ts';
import { carryNgrokPair, carryNgrokUrl } from './guide-keys.ts';
import { notUnderstood, type Recipe } from './recipe.ts';

/** Of `ngrok http`: https://ngrok.com/docs/agent/cli/ */
const TABLE: FlagTable = {
  values: [
    ...['--url', '--domain', '--hostname', '--subdomain', '--authtoken', '--basic-auth', '--config', '--log'],
    ...['--log-format', '--log-level', '--metadata', '--region', '--host-header', '--traffic-policy-file'],
    ...[
      '--cidr-allow',
      '--cidr-deny',
      '--request-header-add',
      '--response-header-add',
      '--oauth',
      '--scheme',
      '--name',
    ],
    ...[
      '--app-protocol',
      '--binding',
      '--proxy-proto',
      '--upstream-protocol',
      '--description',
      '--traffic-policy-url',
    ],
  ],
  switches: [
    '--pooling-enabled',
    '--compression',
    '--inspect',
    '--websocket-tcp-converter',
    '--verify-upstream-tls',
  ],
};

/** What `ngrok` is given: `http 8000 --url … --authtoken …`. @throws {TunneldError} `IMPORT_NOT_UNDERSTOOD` */
export function readNgrokWords(words: readonly string[], recipe: Recipe): void {
  const [verb, ...own] = words;
  if (verb !== 'http') throw notUnderstood('tunneld reads `ngrok http` only: it carries HTTP');
  recipe.set('provider', 'ngrok');
  const { tokens, rest } = readFlags(own, TABLE);
  const plain = [...tokens.flatMap((token) => (token.kind === 'word' ? [token.value] : [])), ...rest];
  const [address, ...more] = plain;
  if (address === undefined || more.length > 0)
    throw notUnderstood('The ngrok line has not one address of a server');
  readAddress(address, recipe);
  for (const token of tokens) {
    if (token.kind !== 'flag') continue;
    const { name, value, known } = token;
    if (TABLE.values.includes(name) && value === undefined)
      throw notUnderstood(`The ngrok line ends after ${name}, which needs a value`);
    readFlag(name, value ?? '', known, recipe);
  }
}

function readAddress(address: string, recipe: Recipe): void {
  if (/^\d{1,5}$/.test(address)) {
    recipe.carry(`http ${address}`, 'port', Number(address));
    return;
  }
  const text = address.includes('://') ? address : `http://${address}`;
  if (!URL.canParse(text)) throw notUnderstood('The address of the ngrok line is no port and no URL');
  const url = new URL(text);
  const written = `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`;
  if (/^(?:localhost|127\.0\.0\.1)$/.test(url.hostname) && url.protocol === 'http:' && url.pathname === '/') {
    recipe.carry(`http ${written}`, 'port', Number(url.port || 80));
    return;
  }
  recipe.carry(`http ${written}`, 'url', written);
  if (!/^(?:localhost|127\.|\[::1\])/.test(url.hostname)) recipe.set('allowRemoteUpstream', true);
}

function readFlag(name: string, value: string, known: boolean, recipe: Recipe): void {
  const from = value === '' ? name : `${name} ${value}`;
  if (name === '--url' || name === '--domain' || name === '--hostname') carryNgrokUrl(from, value, recipe);
  else if (name === '--authtoken') {
    recipe.secret(value);
    recipe.carry(name, 'ngrok.authtoken', value);
  } else if (name === '--basic-auth') carryNgrokPair(name, value, recipe);
  else if (name === '--cidr-allow') recipe.carry(from, 'ngrok.allow', value.split(','));
  else if (name === '--cidr-deny') recipe.carry(from, 'ngrok.deny', value.split(','));
  else if (name === '--metadata') recipe.carry(from, 'ngrok.metadata', value);
  else if (name === '--region') recipe.carry(from, 'ngrok.region', value);
  else if (name === '--pooling-enabled') recipe.carry(from, 'ngrok.pooling', true);
  else if (name === '--host-header' && value !== 'rewrite') recipe.carry(from, 'hostHeader', value);
  else if (name === '--host-header') recipe.same(from, 'the default');
  else if (/^--log/.test(name)) recipe.same(name, '`tunneld logs` has what happened');
  else
    recipe.leave(
      /^--?[a-z-]{1,32}$/.test(name) ? name : '--…',
      known ? 'tunneld has no such setting for ngrok' : 'tunneld does not know this option of ngrok',
    );
}
