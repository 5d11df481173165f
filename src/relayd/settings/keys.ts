import { z } from 'zod';
import { duration, listenPort, whole } from '../../config/fields.ts';
import {
  flag,
  hostName,
  mailAddress,
  networks,
  oneOf,
  privateUrl,
  publicUrl,
  secretText,
  share,
  size,
  text,
  tokenEntry,
} from './value-types.ts';

/**
 * Everything `tunneld relay` can be told. A key `ratePerAddress` of `relay.yaml` is also the option
 * `--rate-per-address` and the variable `TUNNELD_RELAY_RATE_PER_ADDRESS`; all three are read by these
 * schemas. Help, completion, the man page, `docs/relay.schema.json` and the table in `docs/relay.md`
 * are made from them or held against them, so the descriptions are what users read.
 */

/** What the help of a command says of a key besides its description. */
export interface Shown {
  /** What the value is called; a switch has none. */
  readonly value: string;
}

export const shown = z.registry<Shown>();

const count = whole(0, 1_000_000);

export const relayKeys = {
  domain: hostName
    .optional()
    .describe('Tunnels are NAME.DOMAIN. Its DNS must point here, that of *.DOMAIN too.')
    .register(shown, { value: 'host' }),
  publicUrl: publicUrl
    .optional()
    .describe('Where visitors reach it; `https://DOMAIN` by default.')
    .register(shown, { value: 'url' }),
  routing: oneOf(['host', 'path'])
    .default('host')
    .describe('`host`: tunnels are NAME.DOMAIN. `path`: they are DOMAIN/NAME.')
    .register(shown, { value: 'kind' }),
  port: listenPort.default(8_080).describe('Listen here.').register(shown, { value: 'port' }),
  host: text.default('0.0.0.0').describe('Listen on this address.').register(shown, { value: 'address' }),
  staticToken: z
    .array(tokenEntry, 'Expected text or a list of texts: put it in quotes')
    .optional()
    .describe('TOKEN:NAME[,NAME…], or better `file:PATH` or `env:NAME` with such lines.')
    .register(shown, { value: 'token:names' }),
  authUrl: privateUrl
    .optional()
    .describe('Ask POST URL/api/verify at each registration.')
    .register(shown, { value: 'url' }),
  authSecret: secretText
    .optional()
    .describe('Sent to it as X-Relay-Secret: `file:PATH` or `env:NAME`.')
    .register(shown, { value: 'secret' }),
  open: flag.default(false).describe('Anybody may register any free name.'),
  mcpTunnelAgents: oneOf(['refuse', 'serve'])
    .default('refuse')
    .describe('`refuse` or `serve` clients of mcp-tunnel and mcpr, which have no access tokens.')
    .register(shown, { value: 'what' }),
  tlsCert: text
    .optional()
    .describe('Speak TLS with this certificate (PEM), read again when it changes.')
    .register(shown, { value: 'file' }),
  tlsKey: text.optional().describe('Its key (PEM).').register(shown, { value: 'file' }),
  acme: flag.default(false).describe('Get certificates from an authority, and agree to its terms.'),
  acmeEmail: mailAddress
    .optional()
    .describe('Where the authority may write to.')
    .register(shown, { value: 'address' }),
  acmeDirectory: text
    .refine((url) => /^https:/.test(url) && URL.canParse(url), {
      error: ({ input }) => `"${input}" is not an https URL`,
    })
    .optional()
    .describe("The authority's ACME directory; that of Let's Encrypt by default.")
    .register(shown, { value: 'url' }),
  acmeFolder: text
    .optional()
    .describe('Keep the certificates here; in `relay-certificates` of the state folder by default.')
    .register(shown, { value: 'folder' }),
  redirectPort: listenPort
    .default(0)
    .describe('Listen here without TLS (80) and send visitors to https; 0: none.')
    .register(shown, { value: 'port' }),
  trustedProxies: networks
    .prefault([])
    .describe('Believe X-Forwarded-For and -Proto of these: `10.0.0.0/8`, `192.0.2.1`.')
    .register(shown, { value: 'networks' }),
  proxyProtocol: flag
    .default(false)
    .describe('Connections of trusted proxies begin with a PROXY header (v1 or v2).'),
  adminPort: listenPort
    .default(8_081)
    .describe('Loopback port of /healthz, /readyz and /metrics; 0: none.')
    .register(shown, { value: 'port' }),
  adminSocket: text
    .optional()
    .describe('The same and /tunnels, which ends tunnels, on a Unix socket for this user alone.')
    .register(shown, { value: 'path' }),
  logSample: share
    .prefault(1)
    .describe('Log this share of the requests, such as 0.1 or 1/100; errors and slow ones always.')
    .register(shown, { value: 'share' }),
  ratePerAddress: count
    .default(100)
    .describe('Requests a second of one address; 0: no limit.')
    .register(shown, { value: 'number' }),
  ratePerTunnel: count
    .default(1_000)
    .describe('Requests a second of one tunnel; 0: no limit.')
    .register(shown, { value: 'number' }),
  connectionsPerAddress: count
    .default(256)
    .describe('Connections of one address; 0: no limit.')
    .register(shown, { value: 'number' }),
  linksPerToken: count
    .default(1_024)
    .describe('Links of the agents that show one token; 0: no limit.')
    .register(shown, { value: 'number' }),
  maxRequestBody: size
    .prefault(0)
    .describe('Largest body of a request, such as 5mb; 0: no limit.')
    .register(shown, { value: 'size' }),
  maxResponseBody: size
    .prefault(0)
    .describe('Largest body of an answer; 0: no limit.')
    .register(shown, { value: 'size' }),
  drainTimeout: duration(0, 600_000)
    .prefault('10s')
    .describe('How long requests in flight may go on after SIGTERM.')
    .register(shown, { value: 'duration' }),
};

/** Without the rules that hold between keys. */
export const relayValues = z.strictObject({
  $schema: z.string().optional().describe('For editors: where the JSON Schema of this file is.'),
  ...relayKeys,
});

/** The keys that say who may register. */
export const authValues = z.object({
  staticToken: relayKeys.staticToken,
  authUrl: relayKeys.authUrl,
  authSecret: relayKeys.authSecret,
  open: relayKeys.open,
  routing: relayKeys.routing,
});

export type RelayKey = keyof typeof relayKeys;
export type RelayConfig = z.output<typeof relayValues>;
export type TokenEntry = z.output<typeof tokenEntry>;
