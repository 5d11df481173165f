import type { Option } from '../command.ts';
import {
  bytes,
  duration,
  oneOf,
  onOff,
  secret,
  secrets,
  share,
  text,
  textOr,
  type ValueKind,
  whole,
  words,
} from './value-kinds.ts';

/** One thing `tunneld relay` can be told. */
export type Setting<T> = ValueKind<T> & {
  /** What the value is called in help. */
  readonly value?: string;
  readonly summary: string;
};

/**
 * Everything `tunneld relay` can be told. A row `rate-per-address` is the option
 * `--rate-per-address`, the variable `TUNNELD_RELAY_RATE_PER_ADDRESS` and the key `ratePerAddress`
 * of `relay.yaml`, all read by the same rule.
 */
export const RELAY_SETTINGS = {
  domain: { ...text, value: 'host', summary: 'Tunnels are NAME.host; its DNS must point here, *.host too' },
  'public-url': { ...text, value: 'url', summary: 'Where visitors reach it; default: https://DOMAIN' },
  routing: {
    ...oneOf(['host', 'path']),
    value: 'kind',
    summary: 'host: NAME.domain; path: domain/NAME; default: host',
  },
  port: { ...whole(8_080, 65_535), value: 'port', summary: 'Listen here; default: 8080' },
  host: { ...text, value: 'address', summary: 'Listen on this address; default: 0.0.0.0' },
  'static-token': {
    ...secrets,
    value: 'token:names',
    summary: 'TOKEN:NAME[,NAME…], or better file:PATH or env:VARIABLE with such lines',
  },
  'auth-url': { ...text, value: 'url', summary: 'Ask POST URL/api/verify at each registration' },
  'auth-secret': {
    ...secret,
    value: 'secret',
    summary: 'Sent to it as X-Relay-Secret; file:PATH, env:VARIABLE',
  },
  open: { ...onOff, summary: 'Anybody may register any free name' },
  'mcp-tunnel-agents': {
    ...oneOf(['refuse', 'serve']),
    value: 'what',
    summary: 'Clients of mcp-tunnel and mcpr, which have no access tokens: refuse or serve; default: refuse',
  },
  'tls-cert': {
    ...text,
    value: 'file',
    summary: 'Speak TLS with this certificate (PEM), read again on change',
  },
  'tls-key': { ...text, value: 'file', summary: 'Its key (PEM)' },
  acme: { ...onOff, summary: 'Get certificates from an authority, and agree to its terms' },
  'acme-email': { ...text, value: 'address', summary: 'Where the authority may write to' },
  'acme-directory': {
    ...textOr('https://acme-v02.api.letsencrypt.org/directory'),
    value: 'url',
    summary: "The authority's ACME directory; default: Let's Encrypt",
  },
  'acme-folder': {
    ...text,
    value: 'folder',
    summary: 'Keep the certificates here; default: relay-certificates in the state folder',
  },
  'redirect-port': {
    ...whole(0, 65_535),
    value: 'port',
    summary: 'Listen here without TLS (80) and send visitors to https; default: 0, none',
  },
  'trusted-proxies': {
    ...words,
    value: 'networks',
    summary: 'Believe X-Forwarded-For and -Proto of these: 10.0.0.0/8,192.0.2.1',
  },
  'proxy-protocol': {
    ...onOff,
    summary: 'Connections of trusted proxies begin with a PROXY header (v1 or v2)',
  },
  'admin-port': {
    ...whole(8_081, 65_535),
    value: 'port',
    summary: 'Loopback port of /healthz, /readyz and /metrics; default: 8081, 0: none',
  },
  'admin-socket': {
    ...text,
    value: 'path',
    summary: 'The same and /tunnels, which ends tunnels, on a Unix socket for this user alone',
  },
  'log-sample': {
    ...share(1),
    value: 'share',
    summary: 'Log so many of the requests: 0.1, 1/100; errors and slow ones always; default: 1',
  },
  'rate-per-address': {
    ...whole(100),
    value: 'number',
    summary: 'Requests a second of one address; default: 100, 0: no limit',
  },
  'rate-per-tunnel': {
    ...whole(1_000),
    value: 'number',
    summary: 'Requests a second of one tunnel; default: 1000, 0: no limit',
  },
  'connections-per-address': {
    ...whole(256),
    value: 'number',
    summary: 'Connections of one address; default: 256, 0: no limit',
  },
  'links-per-token': {
    ...whole(1_024),
    value: 'number',
    summary: 'Links of the agents that show one token; default: 1024, 0: no limit',
  },
  'max-request-body': {
    ...bytes(0),
    value: 'size',
    summary: 'Largest body of a request, such as 5mb; default: 0, no limit',
  },
  'max-response-body': {
    ...bytes(0),
    value: 'size',
    summary: 'Largest body of an answer; default: 0, no limit',
  },
  'drain-timeout': {
    ...duration(10_000, 600_000),
    value: 'duration',
    summary: 'What is in flight at the end gets this long; default: 10s',
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>;

export type SettingName = keyof typeof RELAY_SETTINGS;

/** What every setting reads to. */
export type RelayValues = { readonly [N in SettingName]: ReturnType<(typeof RELAY_SETTINGS)[N]['read']> };

export const SETTING_NAMES = Object.keys(RELAY_SETTINGS) as readonly SettingName[];

export function settingOf(name: SettingName): Setting<unknown> {
  return RELAY_SETTINGS[name];
}

export const RELAY_CONFIG_OPTION: Readonly<Record<string, Option>> = {
  config: {
    type: 'string',
    value: 'file',
    summary: 'Read settings from this file; default: TUNNELD_RELAY_CONFIG, then /etc/tunneld/relay.yaml',
  },
};

/** The table as options of a command. */
export function relayOptions(): Readonly<Record<string, Option>> {
  return Object.fromEntries(
    SETTING_NAMES.map((name) => {
      const { shape, value, summary } = settingOf(name);
      if (value === undefined) return [name, { type: 'boolean', summary }];
      const multiple = shape === 'list' ? { multiple: true } : {};
      return [name, { type: 'string', value, summary, ...multiple }];
    }),
  );
}

export function variableOf(name: SettingName): string {
  return `TUNNELD_RELAY_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** `rate-per-address` → `ratePerAddress`. */
export function keyOf(name: SettingName): string {
  return name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
