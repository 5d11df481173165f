import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { resolvePaths } from '../../config/paths.ts';
import { closeFile } from '../../config/private-files.ts';
import { isReference } from '../../config/secret-fields.ts';
import { resolveSecret } from '../../config/secrets.ts';
import { TunneldError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { parseNetworks, type RelayAuth, type RelaySettings } from '../../relayd/settings.ts';
import { faultOfPattern, parseGrants, type TokenGrant } from '../../relayd/static-tokens.ts';
import type { ParsedArgs } from '../command.ts';
import {
  CONFIG_VARIABLE,
  type Layer,
  mistakesError,
  optionsLayer,
  overlay,
  readValues,
  type SettingsMistake,
  sourceOf,
  strayVariables,
  variablesLayer,
} from './given.ts';
import type { RelayValues, SettingName } from './settings-table.ts';

/** Read when it is there and no other file was named. */
const DEFAULT_FILE = '/etc/tunneld/relay.yaml';

export interface RelayInput {
  readonly args: ParsedArgs;
  readonly env: NodeJS.ProcessEnv;
  /** Default: `/etc/tunneld/relay.yaml`. */
  readonly defaultFile?: string;
}

/** What `tunneld relay` was told, in all places together. */
export interface ReadSettings {
  readonly settings: RelaySettings;
  /** The file it was read from, if any. */
  readonly file: string | undefined;
  /** What is odd with how it was told. */
  readonly warnings: readonly string[];
}

/**
 * Reads option, variable and file, in this order of precedence, and checks everything.
 *
 * @throws {TunneldError} `USAGE` or `CONFIG_INVALID` with every mistake and where it was made;
 *   `SECRET_UNAVAILABLE`
 */
export async function readRelaySettings(input: RelayInput): Promise<ReadSettings> {
  const { args, env } = input;
  const mistakes: SettingsMistake[] = [];
  const warnings: string[] = [...(await strayVariables(env))];
  const file = fileOf(input);
  const onNote = (note: string) => void warnings.push(note);
  const inFile = file === undefined ? NOTHING : await fileLayer(file, mistakes, onNote);
  const legacy = await legacyLayer(env, mistakes, onNote);
  const fromMcpr = legacy.size > 0 || file?.endsWith('.toml') === true;
  const given = overlay([optionsLayer(args), variablesLayer(env), legacy, inFile]);
  warnings.push(...literalSecrets(args, file, inFile));
  const values = readValues(given, mistakes);
  const assembly = new Assembly(values, given, env, mistakes, onNote);
  const settings = assembly.settings();
  if (mistakes.length > 0 || settings === undefined) {
    throw assembly.secretError !== undefined && mistakes.length === 1
      ? assembly.secretError
      : mistakesError(mistakes);
  }
  const { publicUrl, tls, acme, trustedProxies } = settings;
  if (
    publicUrl.protocol === 'https:' &&
    tls === undefined &&
    acme === undefined &&
    trustedProxies.rules.length === 0
  ) {
    warnings.push(
      'a proxy in front ends TLS, and --trusted-proxies does not name it: all visitors count as one address, in limits and in the log',
    );
  }
  if (settings.mcpTunnelAgents === false && fromMcpr && !given.has('mcp-tunnel-agents')) {
    warnings.push(
      'clients of mcp-tunnel and mcpr are refused: to serve them, whose tunnels anybody may call, set --mcp-tunnel-agents serve',
    );
  }
  if (settings.auth.kind === 'open')
    warnings.push('this relay is open: anybody who reaches it may register a tunnel');
  return { settings, file, warnings };
}

/** Puts the values together; whatever does not fit together becomes a mistake. */
class Assembly {
  secretError: TunneldError | undefined;
  readonly #values: RelayValues;
  readonly #given: Layer;
  readonly #env: NodeJS.ProcessEnv;
  readonly #mistakes: SettingsMistake[];
  readonly #onNote: OnNote;

  constructor(
    values: RelayValues,
    given: Layer,
    env: NodeJS.ProcessEnv,
    mistakes: SettingsMistake[],
    onNote: OnNote,
  ) {
    this.#values = values;
    this.#given = given;
    this.#env = env;
    this.#mistakes = mistakes;
    this.#onNote = onNote;
  }

  settings(): RelaySettings | undefined {
    const values = this.#values;
    const publicUrl = this.#publicUrl();
    const auth = this.#auth();
    const tls = this.#tls();
    const acme = this.#acme(publicUrl);
    const trustedProxies = this.#trustedProxies();
    if (publicUrl === undefined || auth === undefined || trustedProxies === undefined) return undefined;
    if (values['proxy-protocol'] && trustedProxies.rules.length === 0) {
      return this.#wrong(
        'proxy-protocol',
        'needs --trusted-proxies: whose PROXY headers are to be believed?',
      );
    }
    const { 'admin-port': adminPort, 'redirect-port': redirectPort } = values;
    if (redirectPort !== 0 && publicUrl.protocol !== 'https:') {
      return this.#wrong('redirect-port', `leads to https, which ${publicUrl.href} is not`);
    }
    return {
      host: values.host ?? '0.0.0.0',
      port: values.port,
      routing: values.routing,
      publicUrl,
      auth,
      tls,
      acme,
      redirectPort: redirectPort === 0 ? undefined : redirectPort,
      trustedProxies,
      proxyProtocol: values['proxy-protocol'],
      mcpTunnelAgents: values['mcp-tunnel-agents'] === 'serve',
      adminPort: adminPort === 0 ? undefined : adminPort,
      adminSocket: values['admin-socket'],
      logSample: values['log-sample'],
      limits: {
        requestsPerAddress: values['rate-per-address'],
        requestsPerTunnel: values['rate-per-tunnel'],
        connectionsPerAddress: values['connections-per-address'] || Number.POSITIVE_INFINITY,
        linksPerIdentity: values['links-per-token'] || Number.POSITIVE_INFINITY,
        maxRequestBodyBytes: values['max-request-body'],
        maxResponseBodyBytes: values['max-response-body'],
      },
      drainMs: values['drain-timeout'],
    };
  }

  #publicUrl(): URL | undefined {
    const { domain, 'public-url': given, routing } = this.#values;
    if (given === undefined && domain === undefined) {
      return this.#missing(['domain', 'public-url'], 'Say with --domain where visitors reach the relay');
    }
    const name = given === undefined ? 'domain' : 'public-url';
    const url = given ?? `https://${domain}`;
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
      return this.#wrong(name, `"${url}" is not an http(s) URL`);
    }
    if (parsed.search !== '' || parsed.username !== '') {
      return this.#wrong(name, `"${parsed.origin}" must stand alone, without query and user`);
    }
    if (domain !== undefined && parsed.hostname !== domain.toLowerCase()) {
      return this.#wrong('domain', `${domain} is not the host of the public URL ${parsed.href}`);
    }
    if (routing === 'host' && /^\[|^[\d.]+$/.test(parsed.hostname)) {
      const why = 'is an address, which no name can stand in front of: use --routing path';
      return this.#wrong(name, `${parsed.hostname} ${why}`);
    }
    return parsed;
  }

  #auth(): RelayAuth | undefined {
    const { 'static-token': entries, 'auth-url': url, 'auth-secret': secret, open } = this.#values;
    const ways = [
      ...(this.#given.has('static-token') ? (['static-token'] as const) : []),
      ...(url === undefined ? [] : (['auth-url'] as const)),
      ...(open ? (['open'] as const) : []),
    ];
    const [way, other] = ways;
    if (secret !== undefined && url === undefined) this.#wrong('auth-secret', 'needs --auth-url');
    if (way !== undefined && other !== undefined) {
      return this.#wrong(
        other,
        `excludes ${sourceOf(way, this.#given)}: there is one way to say who may register`,
      );
    }
    if (way === 'static-token') return this.#static(entries);
    if (open) return { kind: 'open' };
    if (url === undefined) {
      return this.#missing(
        ['auth-url', 'static-token', 'open'],
        'Say who may register: --static-token, --auth-url, or --open for anybody',
      );
    }
    if (secret === undefined) return this.#wrong('auth-url', 'needs --auth-secret');
    if (!/^https?:/.test(url) || !URL.canParse(url)) return this.#wrong('auth-url', 'is not an http(s) URL');
    const resolved = this.#resolve('auth-secret', secret);
    return resolved === undefined ? undefined : { kind: 'provider', url: new URL(url), secret: resolved };
  }

  #static(entries: readonly string[]): RelayAuth | undefined {
    const source = sourceOf('static-token', this.#given);
    const env = this.#env;
    const apart = this.#given.get('static-token')?.grants ?? [];
    const grants = (onNote?: OnNote) => [
      ...apart,
      ...entries.flatMap((entry) =>
        parseGrants(resolveSecret(entry, env, onNote).reveal(), isReference(entry) ? entry : source),
      ),
    ];
    let found: readonly TokenGrant[];
    try {
      found = grants(this.#onNote);
    } catch (error) {
      if (!(error instanceof TunneldError)) throw error;
      if (error.code === 'SECRET_UNAVAILABLE') this.secretError = error;
      return this.#wrong('static-token', error.message);
    }
    if (found.length === 0) return this.#wrong('static-token', 'names no token at all');
    const useless = found.flatMap(({ patterns }) => patterns).flatMap((pattern) => this.#faultOf(pattern));
    if (useless.length > 0) {
      return this.#wrong('static-token', `no tunnel can have these names: ${useless.join('; ')}`);
    }
    const mayChange = entries.some((entry) => entry.startsWith('file:'));
    return { kind: 'static', grants: () => grants(), mayChange };
  }

  /** What is wrong with a name that somebody is to have: nobody would find out before they ask for it. */
  #faultOf(pattern: string): readonly string[] {
    const fault = faultOfPattern(pattern, this.#values.routing);
    return fault === undefined ? [] : [`${pattern} (${fault})`];
  }

  #tls(): RelaySettings['tls'] {
    const { 'tls-cert': cert, 'tls-key': key } = this.#values;
    if (cert !== undefined && key !== undefined) return { cert, key };
    if (cert !== undefined) return this.#wrong('tls-cert', 'needs --tls-key');
    return key === undefined ? undefined : this.#wrong('tls-key', 'needs --tls-cert');
  }

  #acme(publicUrl: URL | undefined): RelaySettings['acme'] {
    const { acme, 'acme-directory': directory, 'acme-email': email, 'acme-folder': folder } = this.#values;
    const stray = (['acme-directory', 'acme-email', 'acme-folder'] as const).find((name) =>
      this.#given.has(name),
    );
    if (!acme) return stray === undefined ? undefined : this.#wrong(stray, 'needs --acme');
    if (this.#given.has('tls-cert'))
      return this.#wrong('acme', 'excludes --tls-cert: certificates come from one place');
    if (!/^https:/.test(directory) || !URL.canParse(directory)) {
      return this.#wrong('acme-directory', `"${directory}" is not an https URL`);
    }
    if (email !== undefined && !/^[^\s@,]+@[^\s@,]+$/.test(email)) {
      return this.#wrong('acme-email', `"${email}" is not an address of mail`);
    }
    if (
      publicUrl !== undefined &&
      (publicUrl.protocol !== 'https:' || isIP(publicUrl.hostname.replace(/[[\]]/g, '')) !== 0)
    ) {
      return this.#wrong('acme', `is for https and a host with a name, which ${publicUrl.href} has not`);
    }
    const kept = folder ?? join(resolvePaths(this.#env).stateDir, 'relay-certificates');
    return { directory: new URL(directory), email, folder: resolve(kept) };
  }

  #trustedProxies(): RelaySettings['trustedProxies'] | undefined {
    try {
      return parseNetworks(this.#values['trusted-proxies']);
    } catch (error) {
      if (!(error instanceof TunneldError)) throw error;
      return this.#wrong('trusted-proxies', error.message);
    }
  }

  #resolve(name: SettingName, reference: string): Secret | undefined {
    try {
      return resolveSecret(reference, this.#env, this.#onNote);
    } catch (error) {
      if (!(error instanceof TunneldError)) throw error;
      this.secretError = error;
      return this.#wrong(name, error.message);
    }
  }

  #wrong(name: SettingName, what: string): undefined {
    const from = this.#given.get(name)?.from ?? 'option';
    this.#mistakes.push({ text: `${sourceOf(name, this.#given)}: ${what}`, from });
  }

  /** Silent when one of them was given, or may stand in a file that could not be read as it is. */
  #missing(names: readonly SettingName[], what: string): undefined {
    const explained = names.some((name) => this.#given.has(name)) || this.#mistakes.some(isInFile);
    if (!explained) this.#mistakes.push({ text: what, from: 'option' });
  }
}

function isInFile({ from }: SettingsMistake): boolean {
  return from === 'file';
}

const NOTHING: Layer = new Map();

function fileOf({ args, env, defaultFile = DEFAULT_FILE }: RelayInput): string | undefined {
  const named = args.text('config') ?? (env[CONFIG_VARIABLE] || undefined);
  if (named !== undefined) return resolve(named);
  return existsSync(defaultFile) ? defaultFile : undefined;
}

type OnNote = (note: string) => void;

async function fileLayer(file: string, mistakes: SettingsMistake[], onNote: OnNote): Promise<Layer> {
  const { readRelayFile } = await import('./relay-file.ts');
  return readRelayFile(file, mistakes, onNote);
}

async function legacyLayer(
  env: NodeJS.ProcessEnv,
  mistakes: SettingsMistake[],
  onNote: OnNote,
): Promise<Layer> {
  if (!Object.keys(env).some((name) => name.startsWith('MCPR_'))) return NOTHING;
  const { mcprVariables } = await import('./mcpr-names.ts');
  const { layer, read } = mcprVariables(env, mistakes);
  if (read.length > 0) onNote(`read from the variables of mcp-tunnel and mcpr: ${read.join(', ')}`);
  return layer;
}

/** A secret on a command line is in every list of processes; one in a file is for its owner alone. */
function literalSecrets(args: ParsedArgs, file: string | undefined, inFile: Layer): string[] {
  const names = ['static-token', 'auth-secret'] as const;
  const typed = names
    .filter((name) => args.list(name).some((value) => !isReference(value)))
    .map(
      (name) => `--${name} with the secret itself shows it to everybody on this machine; use file: or env:`,
    );
  const written = names.some((name) => {
    const { texts = [], grants = [] } = inFile.get(name) ?? {};
    return grants.length > 0 || texts.some((value) => !isReference(value));
  });
  return [...typed, ...(written && file !== undefined ? closeFile(file) : [])];
}
