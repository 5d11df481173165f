import { isLoopbackHost } from '../../core/loopback.ts';
import { type FlagTable, readFlags, type Token } from './flags.ts';
import { otherType, readDestination } from './pinggy-destination.ts';
import { readRemoteOption } from './pinggy-options.ts';
import { notUnderstood, type Recipe } from './recipe.ts';

/** Of `ssh`, and of Pinggy's own client where it differs: https://pinggy.io/docs/cli/ */
const TABLE: FlagTable = {
  values: [
    ...['-p', '-R', '-L', '-o', '-l', '-i', '-F', '-J', '-D', '-b', '-c', '-e', '-m', '-E', '-S', '-W', '-w'],
    ...[
      '-B',
      '-I',
      '-O',
      '-P',
      '-Q',
      '--token',
      '--type',
      '--localport',
      '--server-port',
      '--conf',
      '--debugger',
    ],
  ],
  switches: [
    ...[
      '-t',
      '-T',
      '-n',
      '-N',
      '-f',
      '-q',
      '-v',
      '-4',
      '-6',
      '-C',
      '-A',
      '-a',
      '-k',
      '-x',
      '-X',
      '-Y',
      '-g',
      '-y',
    ],
    ...['--notui', '--force'],
  ],
};

/**
 * What ssh and Pinggy's client are given: `-p 443 -R0:127.0.0.1:3845 TOKEN+force@pro.pinggy.io k:KEY …`
 *
 * @throws {TunneldError} `IMPORT_NOT_UNDERSTOOD`
 */
export function readPinggyWords(words: readonly string[], recipe: Recipe): void {
  recipe.set('provider', 'pinggy');
  // Options may stand behind the destination as well: Pinggy's client reads them there.
  const { tokens, rest } = readFlags(words, TABLE);
  const plain = [...tokens.flatMap((token) => (token.kind === 'word' ? [token.value] : [])), ...rest];
  const line: Line = { forwards: 0 };
  for (const token of tokens) if (token.kind === 'flag') readFlag(token, line, recipe);
  const destinations = plain.filter((word) => !isOption(word));
  if (destinations.length > 1) {
    throw notUnderstood(
      `The Pinggy line has ${destinations.length} words that could be the token and the host`,
      'Put values with blanks in quotes, and give the token once.',
    );
  }
  readDestination({ word: destinations[0], user: line.user, token: line.token }, recipe);
  const options = plain.filter(isOption).flatMap(oneByOne);
  for (const option of options) readRemoteOption(option, recipe);
  concludeAccess(
    options.some((word) => /^[kbw]:/.test(word)),
    line,
    recipe,
  );
  recipe.suggestName(recipe.get('port') === undefined ? undefined : `mcp-${recipe.get('port')}`);
}

function isOption(word: string): boolean {
  return /^["']?[a-z]{1,2}:/.test(word);
}

/** Several options may be in one pair of quotes, and one may have quotes of its own for the edge to read. */
function oneByOne(word: string): readonly string[] {
  const parts = word.trim().split(/\s+/);
  const options = parts.every(isOption) ? parts : [word];
  return options.map((option) => option.replace(/^(["'])(.*)\1$/, '$2'));
}

/** What several options of the line say together. */
interface Line {
  forwards: number;
  user?: string;
  token?: string;
  noCommand?: boolean;
}

const SAME: Readonly<Record<string, string>> = {
  '-t': 'for people who look; tunneld reads the URL itself',
  '-T': 'tunneld reads the URL itself',
  '-n': 'there is no terminal',
  '-f': 'tunneld runs in the background',
  '-q': 'tunneld keeps a log of its own',
  '-v': 'tunneld keeps a log of its own',
  '--notui': 'there is no terminal',
};

const SSH_SAME: Readonly<Record<string, string>> = {
  serveraliveinterval: 'tunneld asks every 30 s whether the session lives',
  serveralivecountmax: 'tunneld asks every 30 s whether the session lives',
  tcpkeepalive: 'tunneld asks every 30 s whether the session lives',
  exitonforwardfailure: 'always so',
  connecttimeout: 'always so, 15 s',
  batchmode: 'always so',
};

function readFlag({ name, value, known }: Token & { kind: 'flag' }, line: Line, recipe: Recipe): void {
  if (TABLE.values.includes(name) && value === undefined) {
    throw notUnderstood(`The Pinggy line ends after ${name}, which needs a value`);
  }
  const text = value ?? '';
  if (name === '-p' || name === '--server-port') readPort(name, text, recipe);
  else if (name === '-R') readForward(text, line, recipe);
  else if (name === '-L') readDebugger(text, recipe);
  else if (name === '-o') readSshOption(text, recipe);
  else if (name === '--localport' || (name === '-l' && /^(?:\d+$|.*:)/.test(text))) {
    readForward(`0:${text.includes(':') ? text : `localhost:${text}`}`, line, recipe, name);
  } else if (name === '-l') line.user = text;
  else if (name === '--token') line.token = text;
  else if (name === '--force') recipe.set('pinggy.force', true);
  else if (name === '--type' && text !== 'http') throw otherType(text);
  else if (name === '--type') recipe.same('--type http', 'tunneld carries HTTP');
  else if (name === '-N') line.noCommand = true;
  else if (SAME[name] !== undefined) recipe.same(name, SAME[name]);
  else
    recipe.leave(
      name,
      known ? 'tunneld has no such setting for Pinggy' : 'tunneld does not know this option',
    );
}

function readPort(from: string, text: string, recipe: Recipe): void {
  if (!/^\d{1,5}$/.test(text)) throw notUnderstood(`${from} of the Pinggy line has no port behind it`);
  if (text === '443') recipe.same(`${from} 443`, 'the default');
  else recipe.carry(`${from} ${text}`, 'pinggy.serverPort', Number(text));
}

/** `0:127.0.0.1:3845`: from the edge's first free port to the local server. */
function readForward(text: string, line: Line, recipe: Recipe, flag = '-R'): void {
  const from = flag === '-R' ? `-R${text}` : `${flag} ${text}`;
  const [, remote = '', host = '', port = ''] =
    /^((?:[^:]*:)?[01]):(\[[0-9A-Fa-f:.]+\]|[^:]+):(\d{1,5})$/.exec(text) ?? [];
  if (port === '') {
    throw notUnderstood(
      `The Pinggy line has a ${flag} that does not lead to a local port`,
      'It should read -R0:127.0.0.1:PORT, with the port of the MCP server.',
    );
  }
  line.forwards++;
  if (remote !== '0' || line.forwards > 1) {
    recipe.leave(from, 'a tunnel of tunneld leads to one server; import the line again for another one');
    return;
  }
  const bare = host.replace(/^\[|\]$/g, '');
  if (isLoopbackHost(bare) || bare === 'host.docker.internal' || bare === '0.0.0.0') {
    recipe.carry(from, 'port', Number(port));
    return;
  }
  recipe.carry(from, 'url', `http://${host}:${port}/mcp`, 'the server is not on this machine');
  recipe.set('allowRemoteUpstream', true);
}

function readDebugger(text: string, recipe: Recipe): void {
  const [, port] = /^(?:[^:]*:)?(\d{1,5}):localhost:4300$/.exec(text) ?? [];
  if (port === undefined) recipe.leave('-L', 'tunneld opens no other ports');
  else recipe.carry(`-L ${text}`, 'pinggy.debuggerPort', Number(port), 'on the loopback of this machine');
}

function readSshOption(text: string, recipe: Recipe): void {
  const [, key = '', value = ''] = /^(\w+)\s*[= ]\s*(.*)$/.exec(text) ?? [];
  const from = `-o ${key === '' ? '…' : key}`;
  const why = SSH_SAME[key.toLowerCase()];
  if (why !== undefined) recipe.same(`${from}=${value}`, why);
  else if (/^userknownhostsfile$/i.test(key) && value.startsWith('/') && value !== '/dev/null') {
    recipe.carry(`${from}=${value}`, 'pinggy.knownHosts', value);
  } else if (/^stricthostkeychecking$/i.test(key)) {
    const safer =
      'tunneld takes the key of an edge it meets for the first time, and with `pinggy.knownHosts` no other';
    recipe.leave(`${from}=${value}`, safer);
  } else recipe.leave(from, 'an option of ssh that tunneld does not pass on');
}

/** Without a key, a password or a list of networks Pinggy lets everybody in. */
function concludeAccess(asked: boolean, line: Line, recipe: Recipe): void {
  if (line.noCommand === true) {
    recipe.leave(
      '-N',
      'with it Pinggy ignores every option behind the token, keys included: the URL was open to everybody',
    );
  }
  if (!asked || line.noCommand === true) {
    recipe.advise(
      'The line let everybody in who knew the URL. tunneld asks for a token, which `tunneld up` prints.',
    );
  }
}
