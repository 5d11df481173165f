import { isLoopbackHost } from '../../core/loopback.ts';
import { notUnderstood, type Recipe } from './recipe.ts';
import { carryCommand } from './server-command.ts';

/**
 * What Supergateway is given: `--stdio "npx -y server ." --outputTransport streamableHttp --stateful`.
 * Its options are those of 3.4 and 4.0; they may be written with dashes as well (`--output-transport`).
 *
 * @throws {TunneldError} `IMPORT_NOT_UNDERSTOOD`
 */
export function readSupergatewayWords(
  words: readonly string[],
  surroundings: BridgeSurroundings,
  recipe: Recipe,
): void {
  const options = optionsOf(words);
  const inputs = options.filter(({ name }) => INPUTS.has(name));
  const [input] = inputs;
  if (input === undefined || inputs.length > 1) {
    throw notUnderstood(
      `The Supergateway line names ${inputs.length} servers`,
      'It has one of --stdio COMMAND, --sse URL and --streamableHttp URL.',
    );
  }
  readInput(input, surroundings, recipe);
  readBridgeOptions(
    options.filter((option) => option !== input),
    input.name === '--stdio',
    recipe,
  );
}

/** `SUPERGATEWAY_EXTRA_ARGS` of the guides' images, whose input is set elsewhere. */
export function readExtraArgs(words: readonly string[], recipe: Recipe): void {
  const options = optionsOf(words);
  const input = options.find(({ name }) => INPUTS.has(name));
  if (input !== undefined)
    throw notUnderstood(`SUPERGATEWAY_EXTRA_ARGS has ${input.name}, which the image sets itself`);
  readBridgeOptions(options, true, recipe);
}

export interface BridgeSurroundings {
  readonly env: NodeJS.ProcessEnv;
  /** Where the line is typed; absent when it runs in a container. */
  readonly folder?: string;
}

interface BridgeOption {
  readonly name: string;
  readonly values: readonly string[];
}

const INPUTS = new Set(['--stdio', '--sse', '--streamableHttp']);
const SWITCHES = new Set(['--stateful']);
const LISTS = new Set(['--cors', '--healthEndpoint', '--header']);
const SINGLE = new Set([
  ...['--stdio', '--sse', '--streamableHttp', '--outputTransport', '--port', '--baseUrl', '--ssePath'],
  ...[
    '--messagePath',
    '--streamableHttpPath',
    '--logLevel',
    '--oauth2Bearer',
    '--sessionTimeout',
    '--protocolVersion',
  ],
]);

function optionsOf(words: readonly string[]): readonly BridgeOption[] {
  const options: BridgeOption[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (!word.startsWith('--')) {
      throw notUnderstood(
        `Word ${at + 1} behind supergateway is no option`,
        'Put the command of --stdio in quotes, as one word.',
      );
    }
    const [, written = '', inline] = /^(--[^=]+)(?:=([\s\S]*))?$/.exec(word) ?? [];
    const name = written.replace(/(?<=[a-z])-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const values = inline === undefined ? [] : [inline];
    const isValue = (next: string | undefined) => next !== undefined && !next.startsWith('--');
    if (inline === undefined && !SWITCHES.has(name)) {
      const most = LISTS.has(name) ? Number.POSITIVE_INFINITY : 1;
      while (values.length < most && isValue(words[at + 1])) values.push(words[++at] ?? '');
    }
    if (SINGLE.has(name) && values.length === 0)
      throw notUnderstood(`${name} of the Supergateway line has no value`);
    options.push({ name, values });
  }
  return options;
}

function readInput(
  { name, values }: BridgeOption,
  { env, folder }: BridgeSurroundings,
  recipe: Recipe,
): void {
  const [text = ''] = values;
  if (name === '--stdio') {
    carryCommand({ line: text, from: '--stdio', ...(folder === undefined ? {} : { folder }) }, env, recipe);
    return;
  }
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text))
    throw notUnderstood(`${name} of the Supergateway line is no URL`);
  const url = new URL(text);
  if (!isLoopbackHost(url.hostname.replace(/^\[|\]$/g, ''))) {
    throw notUnderstood(
      `The Supergateway line connects to ${url.host}, which is not this machine`,
      'Its clients can call that server directly. To publish it all the same: `tunneld up NAME --url URL --allow-remote-upstream`.',
    );
  }
  if (url.search !== '' || url.username !== '' || url.password !== '') {
    recipe.secret(url.search.slice(1));
    recipe.secret(url.password);
    recipe.leave(
      `user, password or query of ${name}`,
      'the address of a server has none; clients can send them in headers',
    );
  }
  const address = `${url.protocol}//${url.host}${url.pathname}`;
  recipe.carry(`${name} ${address}`, 'url', address);
  recipe.suggestName(`mcp-${url.port || url.hostname}`);
}

const SAME: Readonly<Record<string, string>> = {
  '--port': 'the tunnel needs no port of its own',
  '--baseUrl': 'clients are told the public URL',
  '--ssePath': 'both transports are offered at one path',
  '--messagePath': 'both transports are offered at one path',
  '--logLevel': '`tunneld logs` has one line for each request, and never a body',
  '--protocolVersion': 'client and server agree on a version themselves',
};

function readBridgeOptions(options: readonly BridgeOption[], runsCommand: boolean, recipe: Recipe): void {
  for (const { name, values } of options) {
    const [text = ''] = values;
    const from = values.length === 0 ? name : `${name} ${values.join(' ')}`;
    const why = SAME[name];
    if (why !== undefined) recipe.same(from, why);
    else if (name === '--outputTransport') readOutput(text, recipe);
    else if (name === '--stateful') readStateful(runsCommand, recipe);
    else if (name === '--sessionTimeout') readTimeout(from, text, runsCommand, recipe);
    else if (name === '--streamableHttpPath') readPath(from, text, recipe);
    else if (name === '--cors') readOrigins(values, recipe);
    else if (name === '--healthEndpoint') {
      recipe.same(from, "the daemon's own /healthz and /readyz?tunnel=NAME say more");
    } else if (name === '--header') readHeaders(values, runsCommand, recipe);
    else if (name === '--oauth2Bearer') readBearer(text, runsCommand, recipe);
    else
      recipe.leave(
        /^--[A-Za-z]{1,32}$/.test(name) ? name : '--…',
        'tunneld does not know this option of Supergateway',
      );
    if (name === '--cors' || SAME[name] !== undefined) continue;
    if (!SINGLE.has(name) && !LISTS.has(name)) for (const value of values) recipe.secret(value);
  }
}

function readOutput(text: string, recipe: Recipe): void {
  const from = `--outputTransport ${text}`;
  if (text === 'ws') recipe.leave(from, 'MCP over WebSocket is no transport of the specification');
  else if (/^(?:sse|streamableHttp)$/.test(text))
    recipe.same(from, 'Streamable HTTP and legacy SSE are both offered');
  else if (text === 'stdio')
    recipe.same(from, '`tunneld client NAME` has a form for clients that speak stdio');
  else throw notUnderstood('--outputTransport of the Supergateway line is none that Supergateway has');
}

function readStateful(runsCommand: boolean, recipe: Recipe): void {
  if (runsCommand) recipe.carry('--stateful', 'process', 'per-session');
  else recipe.same('--stateful', "the sessions are the server's own");
}

function readTimeout(from: string, text: string, runsCommand: boolean, recipe: Recipe): void {
  if (!/^\d+$/.test(text))
    throw notUnderstood('--sessionTimeout of the Supergateway line is no number of milliseconds');
  if (!runsCommand) recipe.leave(from, "the sessions are the server's own");
  else if (Number(text) < 1_000 || Number(text) > 86_400_000) {
    recipe.leave(from, 'an idle process of a server is ended after 1 s to 24 h, or never');
  } else recipe.carry(from, 'idle', Number(text));
}

function readPath(from: string, text: string, recipe: Recipe): void {
  if (text === '/mcp') recipe.same(from, 'the default');
  else recipe.carry(from, 'path', text);
}

function readOrigins(values: readonly string[], recipe: Recipe): void {
  for (const value of values) {
    const pattern = /^\/.*\/$/.test(value) || value.includes('*');
    if (pattern) recipe.leave(`--cors ${value}`, 'access.origins has origins, and no patterns');
    else recipe.carry(`--cors ${value}`, 'access.origins', [value]);
  }
  if (values.length === 0)
    recipe.leave('--cors', 'tunneld lets only those pages call that access.origins names');
}

/** Towards a stdio server they were headers of answers; towards a URL, of what the bridge asked. */
function readHeaders(values: readonly string[], runsCommand: boolean, recipe: Recipe): void {
  for (const header of values) {
    const at = header.indexOf(':');
    const value = header.slice(at + 1).trim();
    const from = `--header ${at < 1 ? '' : header.slice(0, at)}: …`;
    recipe.secret(value);
    if (runsCommand) recipe.leave(from, 'answers have the headers that the server gave them');
    else if (/^authorization$/i.test(header.slice(0, at))) readAuthorization(from, value, recipe);
    else recipe.leave(from, 'what callers send is passed on, and no header is added');
  }
}

function readBearer(token: string, runsCommand: boolean, recipe: Recipe): void {
  recipe.secret(token);
  if (runsCommand) recipe.leave('--oauth2Bearer', 'a stdio server is asked for nothing');
  else readAuthorization('--oauth2Bearer', `Bearer ${token}`, recipe);
}

function readAuthorization(from: string, value: string, recipe: Recipe): void {
  recipe.carry(from, 'health.authorization', value, "for tunneld's own looks");
  recipe.advise(
    'Clients send the `Authorization` of the server themselves, and the token of the tunnel as `X-Tunneld-Token`.',
  );
}
