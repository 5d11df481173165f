import type { Basis, Era } from '../core/status.ts';

/** What was seen of one leg. */
export interface ProbeResult {
  readonly finding: Finding;
  /** What was asked to see it. */
  readonly basis: Basis;
  /** One sentence with the evidence, to follow "The local leg: …". Never a secret. */
  readonly detail: string;
  /** Time to the answer (milliseconds). */
  readonly latencyMs?: number;
  readonly era?: Era;
  /** `name version`, when the server said so. */
  readonly server?: string;
  /** What to do about it, where the probe knows better than the finding's row. */
  readonly remedy?: string;
  /** We were asked to stay away this long (milliseconds). */
  readonly retryAfterMs?: number;
  /** Asking like this again may count as another failed login. */
  readonly askedForLogin?: boolean;
}

/** What a finding means for the leg, whatever its details. */
export type Meaning =
  /** The leg works. */
  | 'alive'
  /** Nothing speaks against it, and no question that does no harm could show more. */
  | 'unproven'
  /** It takes connections; whether it answers is not known. */
  | 'silent'
  /** It is on its way: nothing can be said yet. */
  | 'starting'
  /** The server is the culprit; no tunnel can help. */
  | 'server'
  /** Something answers, but a setting is wrong. */
  | 'config'
  /** The way to us is broken, or cannot be seen from here: others are asked which. */
  | 'carrier'
  /** The certificate of the public URL: the next session would have the same. */
  | 'certificate'
  /** This machine is short of something. */
  | 'machine'
  /** No name server answers this machine. */
  | 'network'
  /** A credential was refused. */
  | 'auth'
  /** A rate limit or quota was reached. */
  | 'limited';

/** Names that a remedy may need. */
export interface Place {
  /** `127.0.0.1:3845` */
  readonly address: string;
  readonly path: string;
  readonly timeoutMs: number;
}

interface Row {
  readonly meaning: Meaning;
  readonly remedy: (place: Place) => string;
}

const nothing = () => '';
const startServer = () => 'Start the server; the tunnel stays and heals by itself.';
const replaced = () => 'Nothing to do: tunneld replaces the session by itself.';

/** Every word a leg report's `finding` can be. The words are stable: scripts match on them. */
export const FINDINGS = {
  ok: { meaning: 'alive', remedy: nothing },
  'needs-auth': { meaning: 'alive', remedy: nothing },
  busy: { meaning: 'alive', remedy: nothing },

  unproven: {
    meaning: 'unproven',
    remedy: ({ path }) =>
      `Connect a client once: its calls show what no probe may. If nothing comes, check --path (now ${path}).`,
  },

  silent: {
    meaning: 'silent',
    remedy: () =>
      'Connect a client once: its calls show whether the server hangs, or only leaves alone what it does not know. For one that does, set health.probe to tcp.',
  },

  refused: { meaning: 'server', remedy: startServer },
  unreachable: { meaning: 'server', remedy: () => 'Check the host and port given for the server.' },
  timeout: {
    meaning: 'server',
    remedy: ({ timeoutMs }) =>
      `See what keeps the server busy; if it needs longer than ${timeoutMs / 1000} s, raise health.timeout.`,
  },
  'hung-up': {
    meaning: 'server',
    remedy: ({ address }) => `See the server's own log, and check that ${address} is the right port.`,
  },
  'server-error': { meaning: 'server', remedy: () => "Look for the error in the server's own log." },

  starting: { meaning: 'starting', remedy: nothing },
  exited: { meaning: 'server', remedy: () => 'See `tunneld logs` for what the program wrote.' },
  'not-ready': {
    meaning: 'server',
    remedy: () => 'Wait while the program is fetched or starts; see `tunneld logs` for what it wrote.',
  },
  'crash-loop': {
    meaning: 'server',
    remedy: () => 'Run the command by hand to see why it ends; `tunneld logs` has what it wrote.',
  },
  'not-started': { meaning: 'config', remedy: () => 'Check `command`, `cwd` and the PATH of the daemon.' },

  'wrong-path': {
    meaning: 'config',
    remedy: ({ path }) => `Give the server's MCP path with --path (now ${path}); many use /mcp, /sse or /.`,
  },
  redirected: {
    meaning: 'config',
    remedy: () => 'Give the address it redirects to with --path or --url; redirects are not followed.',
  },
  'not-mcp': {
    meaning: 'config',
    remedy: () => 'Check --port and --path; for a plain HTTP service set health.probe to http.',
  },
  'host-refused': {
    meaning: 'config',
    remedy: ({ address }) => `Set hostHeader to a name the server accepts, for example ${address}.`,
  },
  'tls-expected': {
    meaning: 'config',
    remedy: ({ address, path }) => `The server speaks TLS: use --url https://${address}${path}.`,
  },
  'tls-unexpected': {
    meaning: 'config',
    remedy: ({ address, path }) => `The server does not speak TLS: use --url http://${address}${path}.`,
  },
  'tls-untrusted': {
    meaning: 'config',
    remedy: () => "Make the server's certificate trusted on this machine (NODE_EXTRA_CA_CERTS).",
  },
  'not-http': {
    meaning: 'config',
    remedy: ({ address }) => `Check the port: what listens on ${address} is not an HTTP server.`,
  },
  'bad-http': {
    meaning: 'config',
    remedy: () =>
      'Have the server send proper HTTP/1.1 (RFC 9112): callers get the same refusal until it does.',
  },
  'gateway-refused': {
    meaning: 'config',
    remedy: () => 'Check that the provider passes requests on unchanged (Host, Content-Type, body).',
  },
  'no-stream': {
    meaning: 'config',
    remedy: () => 'Have the server speak Streamable HTTP, or use a relay that carries event streams.',
  },

  'no-route': { meaning: 'carrier', remedy: replaced },
  'no-answer': { meaning: 'carrier', remedy: replaced },
  'not-ours': { meaning: 'carrier', remedy: replaced },
  'wrong-tunnel': { meaning: 'carrier', remedy: replaced },
  'stale-answer': { meaning: 'carrier', remedy: replaced },
  stalled: { meaning: 'carrier', remedy: replaced },

  'edge-certificate': {
    meaning: 'certificate',
    remedy: () =>
      'Have the certificate of the public URL renewed, or its issuer trusted here (NODE_EXTRA_CA_CERTS); check that the clock of this machine is right.',
  },

  'no-descriptors': {
    meaning: 'machine',
    remedy: () =>
      'Raise the limit of open files for the daemon (`ulimit -n`, LimitNOFILE of its unit), or lower limits.concurrency.',
  },
  'no-memory': { meaning: 'machine', remedy: () => 'Free memory on this machine.' },
  'no-ports': {
    meaning: 'machine',
    remedy: () => 'Too many connections of this machine are open or closing: see what makes them (`ss -s`).',
  },
  'not-permitted': {
    meaning: 'machine',
    remedy: () => 'Let the daemon through the firewall or sandbox of this machine.',
  },
  'no-dns': {
    meaning: 'network',
    remedy: () =>
      'Check the network and the name servers of this machine; tunneld waits and goes on by itself.',
  },

  'token-refused': {
    meaning: 'auth',
    remedy: () => 'The token changed underneath: run `tunneld restart` for this tunnel.',
  },
  'edge-auth': {
    meaning: 'auth',
    remedy: () => "The provider's own access rule is in the way: check its settings for this address.",
  },

  limited: {
    meaning: 'limited',
    remedy: () => 'Wait for the quota to renew, or use another plan or provider.',
  },
} as const satisfies Record<string, Row>;

export type Finding = keyof typeof FINDINGS;

export function meaningOf(result: Pick<ProbeResult, 'finding'>): Meaning {
  return FINDINGS[result.finding].meaning;
}
