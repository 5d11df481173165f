import ms, { type StringValue } from 'ms';
import { isReference } from '../config/secrets.ts';
import { TunneldError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { parseNetworks, type RelayAuth, type RelaySettings } from '../relayd/settings.ts';
import { parseGrants, type TokenGrant } from '../relayd/static-tokens.ts';
import type { ParsedArgs } from './command.ts';
import { usage } from './parse.ts';

type Resolve = (reference: string) => Secret;

/** What `tunneld relay` was told, by option or by variable, and what is wrong with how. */
export function readRelaySettings(
  args: ParsedArgs,
  env: NodeJS.ProcessEnv,
  resolve: Resolve,
): { readonly settings: RelaySettings; readonly warnings: readonly string[] } {
  const warnings: string[] = [];
  const text = (name: string) => args.text(name) ?? (env[variableOf(name)] || undefined);
  const count = (name: string, fallback: number, most = 1_000_000) => {
    const value = text(name) ?? String(fallback);
    if (!/^\d{1,7}$/.test(value) || Number(value) > most) {
      throw wrong(`--${name}=${value} is not a whole number from 0 to ${most}`);
    }
    return Number(value);
  };
  for (const name of ['static-token', 'auth-secret']) {
    if (args.list(name).some((value) => !isReference(value))) {
      warnings.push(
        `--${name} with the secret itself shows it to everybody on this machine; use file: or env:`,
      );
    }
  }
  const routing = text('routing') ?? 'host';
  if (routing !== 'host' && routing !== 'path') throw wrong(`--routing=${routing} is neither host nor path`);
  const adminPort = count('admin-port', 8_081, 65_535);
  const perAddress = count('connections-per-address', 256);
  const settings: RelaySettings = {
    host: text('host') ?? '0.0.0.0',
    port: count('port', 8_080, 65_535),
    routing,
    publicUrl: publicUrlOf(text('public-url'), text('domain'), routing),
    auth: authOf(args, text, env, resolve),
    tls: tlsOf(text('tls-cert'), text('tls-key')),
    acme: undefined,
    redirectPort: undefined,
    trustedProxies: parseNetworks(
      (text('trusted-proxies') ?? '').split(/[\s,]+/).filter((entry) => entry !== ''),
    ),
    proxyProtocol: args.flag('proxy-protocol') || env[variableOf('proxy-protocol')] === '1',
    adminPort: adminPort === 0 ? undefined : adminPort,
    limits: {
      requestsPerAddress: count('rate-per-address', 100),
      requestsPerTunnel: count('rate-per-tunnel', 1_000),
      connectionsPerAddress: perAddress === 0 ? Number.POSITIVE_INFINITY : perAddress,
    },
    drainMs: durationOf(text('drain-timeout') ?? '10s'),
  };
  if (settings.proxyProtocol && settings.trustedProxies.rules.length === 0) {
    throw wrong('--proxy-protocol needs --trusted-proxies: whose PROXY headers are to be believed?');
  }
  if (settings.auth.kind === 'open')
    warnings.push('this relay is open: anybody who reaches it may register a tunnel');
  return { settings, warnings };
}

function variableOf(option: string): string {
  return `TUNNELD_RELAY_${option.toUpperCase().replaceAll('-', '_')}`;
}

function publicUrlOf(given: string | undefined, domain: string | undefined, routing: string): URL {
  if (given === undefined && domain === undefined)
    throw wrong('Say with --domain where visitors reach the relay');
  const url = given ?? `https://${domain}`;
  if (!URL.canParse(url)) throw wrong(`"${url}" is not a URL`);
  const parsed = new URL(url);
  if (!/^https?:$/.test(parsed.protocol) || parsed.search !== '' || parsed.username !== '') {
    throw wrong(`"${url}" is not the address of a relay`);
  }
  if (domain !== undefined && parsed.hostname !== domain.toLowerCase()) {
    throw wrong(`--domain=${domain} is not the host of --public-url=${url}`);
  }
  if (routing === 'host' && /^\[|^[\d.]+$/.test(parsed.hostname)) {
    throw wrong(`${parsed.hostname} is an address, which no name can stand in front of: use --routing path`);
  }
  return parsed;
}

function authOf(
  args: ParsedArgs,
  text: (name: string) => string | undefined,
  env: NodeJS.ProcessEnv,
  resolve: Resolve,
): RelayAuth {
  const entries = args.given('static-token')
    ? args.list('static-token')
    : (env[variableOf('static-token')] ?? '').split(/\s+/).filter((entry) => entry !== '');
  const open = args.flag('open') || env[variableOf('open')] === '1';
  const url = text('auth-url');
  const ways = [entries.length > 0, url !== undefined, open].filter(Boolean).length;
  if (ways > 1) throw wrong('--static-token, --auth-url and --open exclude each other');
  if (entries.length > 0) return { kind: 'static', grants: grantsFrom(entries, resolve) };
  if (open) return { kind: 'open' };
  const secret = text('auth-secret');
  if (url === undefined)
    throw wrong('Say who may register: --static-token, --auth-url, or --open for anybody');
  if (secret === undefined) throw wrong('--auth-url needs --auth-secret');
  if (!/^https?:/.test(url) || !URL.canParse(url)) throw wrong(`--auth-url=${url} is not an http(s) URL`);
  return { kind: 'provider', url: new URL(url), secret: resolve(secret) };
}

/** References are read again at each registration, so that an edit counts; a bad one keeps the last. */
function grantsFrom(entries: readonly string[], resolve: Resolve): () => readonly TokenGrant[] {
  const read = () =>
    entries.flatMap((entry) =>
      parseGrants(resolve(entry).reveal(), isReference(entry) ? entry : '--static-token'),
    );
  let last = read();
  if (last.length === 0) throw wrong('--static-token names no token at all');
  return () => {
    try {
      last = read();
    } catch (error) {
      if (!(error instanceof TunneldError)) throw error;
    }
    return last;
  };
}

function tlsOf(cert: string | undefined, key: string | undefined): RelaySettings['tls'] {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) throw wrong('--tls-cert and --tls-key need each other');
  return { cert, key };
}

function durationOf(written: string): number {
  const value = ms(written as StringValue) as number | undefined;
  if (value === undefined || value < 0 || value > 600_000) {
    throw wrong(`--drain-timeout=${written} is not a duration up to 10m`);
  }
  return value;
}

function wrong(message: string): TunneldError {
  return usage({ name: 'relay' }, message);
}
