import type { Era } from '../core/status.ts';

/** What one probe of one leg saw. */
export interface Sighting {
  readonly finding: Finding;
  /** One sentence with the evidence, to follow "The local leg: …". Never a secret. */
  readonly detail: string;
  /** Time to the answer (milliseconds). */
  readonly latencyMs?: number;
  readonly era?: Era;
  /** `name version`, when the server said so. */
  readonly server?: string;
  /** What to do about it, where the probe knows better than the finding's row. */
  readonly remedy?: string;
  /** A provider out of quota asked us to stay away this long (milliseconds). */
  readonly retryAfterMs?: number;
}

/** What a finding means for the leg, whatever its details. */
export type Meaning =
  /** The leg works. */
  | 'alive'
  /** The server is the culprit; no tunnel can help. */
  | 'server'
  /** Somebody answers, but a setting is wrong. */
  | 'config'
  /** The way to us is broken: a new session may help. */
  | 'carrier'
  /** A credential was refused. */
  | 'auth'
  /** The provider's quota is used up. */
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
  'upstream-down': { meaning: 'server', remedy: startServer },

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
    remedy: () => "Wait for the provider's quota to renew, or use another plan or provider.",
  },
} as const satisfies Record<string, Row>;

export type Finding = keyof typeof FINDINGS;

export function meaningOf(sighting: Sighting): Meaning {
  return FINDINGS[sighting.finding].meaning;
}
