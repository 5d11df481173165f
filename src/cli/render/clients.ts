import { isLoopbackHost } from '../../core/loopback.ts';

/** What a client has to be told of a tunnel. */
export interface ClientFacts {
  readonly name: string;
  /** Where the client connects to. */
  readonly url: string;
  /** Public base URL, without the MCP path. */
  readonly publicUrl: string;
  /** Anybody gets in without a token. */
  readonly open: boolean;
  /** The server wants an `Authorization` of its own: the token goes into another header then. */
  readonly serverAuth: boolean;
}

/** One MCP client: where its configuration goes, and what goes there. Never a token itself. */
export interface Client {
  readonly title: string;
  /** `.vscode/mcp.json`; or what to do with the lines. */
  readonly place: string;
  /** Whether it reads the token from an environment variable. */
  readonly variables: boolean;
  lines(facts: ClientFacts): readonly string[];
}

/** Each in the form that its own documentation gives. */
export const CLIENTS = {
  'claude-code': {
    title: 'Claude Code',
    place: 'in a shell',
    variables: true,
    // In single quotes: Claude Code fills the variables in itself, and no list of processes has the token.
    lines: (facts) => [
      [
        `claude mcp add --transport http ${facts.name} '${facts.url}'`,
        ...Object.entries(
          headersOf(facts, reference(variableOf(facts)), reference(ownVariableOf(facts))),
        ).map(([name, value]) => `--header '${name}: ${value}'`),
      ].join(' '),
    ],
  },
  vscode: {
    title: 'VS Code',
    place: '.vscode/mcp.json',
    variables: false,
    lines: (facts) => pretty(vscodeConfig(facts)),
  },
  cursor: {
    title: 'Cursor',
    place: '.cursor/mcp.json',
    variables: true,
    lines: (facts) => servers(facts, (server) => server, envReference),
  },
  codex: {
    title: 'Codex CLI',
    place: '~/.codex/config.toml',
    variables: true,
    lines: codexLines,
  },
  gemini: {
    title: 'Gemini CLI',
    place: '.gemini/settings.json',
    variables: true,
    lines: (facts) => servers(facts, ({ url, ...rest }) => ({ httpUrl: url, ...rest }), reference),
  },
  windsurf: {
    title: 'Windsurf',
    place: '~/.codeium/windsurf/mcp_config.json',
    variables: true,
    lines: (facts) => servers(facts, ({ url, ...rest }) => ({ serverUrl: url, ...rest }), envReference),
  },
  stdio: {
    title: 'Claude Desktop and others that only speak stdio',
    place: 'its `mcpServers`; the header file first',
    variables: false,
    lines: stdioLines,
  },
  url: {
    title: 'Clients without a field for headers',
    place: 'the URL, with the token in it: keep it as secret as the token',
    variables: false,
    lines: (facts) => [urlWithToken(facts)],
  },
} as const satisfies Record<string, Client>;

export type ClientName = keyof typeof CLIENTS;

/** The variable that clients read the token of this tunnel from: every tunnel has another token. */
function variableOf({ name }: Pick<ClientFacts, 'name'>): string {
  return `TUNNELD_TOKEN_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** What sets the variables that the client reads; empty where it needs none. */
export function exportLines(facts: ClientFacts, { variables }: Client): readonly string[] {
  if (!variables) return [];
  const { name, open, serverAuth } = facts;
  return [
    ...(open ? [] : [`export ${variableOf(facts)}="$(tunneld token show ${name})"`]),
    ...(serverAuth ? [`export ${ownVariableOf(facts)}='Bearer ...'   # what the server itself wants`] : []),
  ];
}

/** VS Code's `mcp.json`, which asks for what is secret and keeps it. */
export function vscodeConfig(facts: ClientFacts) {
  const { name, url, open, serverAuth } = facts;
  const [token, own] = [`${name}-token`, `${name}-authorization`];
  const ask = (id: string, description: string) => ({
    id,
    type: 'promptString',
    description,
    password: true,
  });
  const inputs = [
    ...(open ? [] : [ask(token, `Token of the tunnel ${name}`)]),
    ...(serverAuth ? [ask(own, `What ${name} itself wants as Authorization, such as: Bearer ...`)] : []),
  ];
  const headers = headersOf(facts, `\${input:${token}}`, `\${input:${own}}`);
  return {
    ...(inputs.length === 0 ? {} : { inputs }),
    servers: { [name]: { type: 'http', url, ...(isEmpty(headers) ? {} : { headers }) } },
  };
}

/** The headers a client sends, from what stands for the token and for the server's own `Authorization`. */
function headersOf(
  { open, serverAuth }: ClientFacts,
  token: string,
  own: string,
): Readonly<Record<string, string>> {
  if (serverAuth) return { ...(open ? {} : { 'X-Tunneld-Token': token }), Authorization: own };
  return open ? {} : { Authorization: `Bearer ${token}` };
}

/** The variable for the `Authorization` of a server that wants one of its own. */
function ownVariableOf({ name }: ClientFacts): string {
  return `${name.toUpperCase().replaceAll('-', '_')}_AUTHORIZATION`;
}

function reference(variable: string): string {
  return `\${${variable}}`;
}

function envReference(variable: string): string {
  return `\${env:${variable}}`;
}

interface Server {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** `mcpServers`, the form of most clients; `shape` gives an entry the keys of this one. */
function servers(
  facts: ClientFacts,
  shape: (server: Server) => object,
  refer: (variable: string) => string,
): readonly string[] {
  const headers = headersOf(facts, refer(variableOf(facts)), refer(ownVariableOf(facts)));
  const server = { url: facts.url, ...(isEmpty(headers) ? {} : { headers }) };
  return pretty({ mcpServers: { [facts.name]: shape(server) } });
}

function codexLines(facts: ClientFacts): readonly string[] {
  const { name, url, open, serverAuth } = facts;
  const own = serverAuth ? [`"Authorization" = "${ownVariableOf(facts)}"`] : [];
  const token = serverAuth && !open ? [`"X-Tunneld-Token" = "${variableOf(facts)}"`] : [];
  return [
    `[mcp_servers.${name}]`,
    `url = "${url}"`,
    ...(open || serverAuth ? [] : [`bearer_token_env_var = "${variableOf(facts)}"`]),
    ...(serverAuth ? [`env_http_headers = { ${[...token, ...own].join(', ')} }`] : []),
  ];
}

/** The token is in a file of its own: arguments can be read by everybody on the machine. */
function stdioLines(facts: ClientFacts): readonly string[] {
  const { name, url } = facts;
  const headers = headersOf(facts, `$(tunneld token show ${name})`, 'VALUE');
  const file = `.tunneld-${name}.headers`;
  const lines = Object.entries(headers).map(([header, value]) => `"${header}: ${value}"`);
  const { protocol, hostname } = new URL(url);
  const inClear = protocol === 'http:' && !isLoopbackHost(hostname) ? ['--allow-http'] : [];
  const withFile = isEmpty(headers) ? [] : ['--header-file', `HOME/${file}`];
  const args = ['-y', 'mcp-remote', url, ...inClear, ...withFile];
  return [
    ...(isEmpty(headers) ? [] : [`(umask 077; printf '%s\\n' ${lines.join(' ')} > ~/${file})`]),
    ...pretty({ mcpServers: { [name]: { command: 'npx', args } } }),
  ];
}

function urlWithToken({ url, publicUrl, open }: ClientFacts): string {
  const base = publicUrl.replace(/\/$/, '');
  return open || !url.startsWith(base) ? url : `${base}/t/TOKEN${url.slice(base.length)}`;
}

function isEmpty(record: object): boolean {
  return Object.keys(record).length === 0;
}

/** JSON with what fits on a line on one line: a snippet is to be short. */
function pretty(value: unknown): readonly string[] {
  return render(value, '').split('\n');
}

const LINE = 76;

function render(value: unknown, indent: string): string {
  const flat = oneLine(value);
  if (flat.length + indent.length <= LINE || typeof value !== 'object' || value === null) return flat;
  const below = `${indent}  `;
  if (Array.isArray(value)) {
    return `[\n${value.map((item) => below + render(item, below)).join(',\n')}\n${indent}]`;
  }
  const entries = Object.entries(value).map(
    ([key, item]) => `${below}${JSON.stringify(key)}: ${render(item, below)}`,
  );
  return `{\n${entries.join(',\n')}\n${indent}}`;
}

function oneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([key, item]) => `${JSON.stringify(key)}: ${oneLine(item)}`)
    .join(', ')} }`;
}
