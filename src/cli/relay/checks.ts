import { X509Certificate } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import net from 'node:net';
import { dirname } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/error-message.ts';
import { TunneldError } from '../../core/errors.ts';
import { askProvider } from '../../relayd/authorizers.ts';
import { isRunningRelay } from '../../relayd/predecessor.ts';
import type { ReadSettings } from '../../relayd/settings/read-settings.ts';
import type { RelayAuth, RelaySettings } from '../../relayd/settings/relay-settings.ts';
import { readTls } from '../../relayd/tls-files.ts';
import { bad, type Check, type NamedOutcome, type Outcome, ok, skipped, warn } from '../doctor/check.ts';
import { listeners } from '../doctor/listeners.ts';

const DAY_MS = 86_400_000;
/** A certificate that has not been renewed by then needs the operator. */
const RENEWAL_DAYS = 14;

/** The checks of `tunneld relay check`, causes before effects. None shows a secret. */
export function relayChecks(read: ReadSettings | TunneldError, clock: Clock): readonly Check[] {
  const about = 'What the relay would be told by file and variables.';
  if (read instanceof TunneldError) {
    return [{ id: 'settings', about, run: async () => bad(read.message, read.remedy) }];
  }
  const { settings } = read;
  return [
    { id: 'settings', about, run: async () => whatWasRead(read) },
    { id: 'auth', about: 'Who may register.', run: () => auth(settings, clock) },
    { id: 'tls', about: 'Certificate and key.', run: async () => certificate(settings, clock.now()) },
    { id: 'port', about: 'Where visitors and agents come in.', run: () => port(settings) },
    { id: 'redirect', about: 'Where visitors without TLS are met.', run: () => redirectPort(settings) },
    { id: 'admin', about: 'Where health and metrics are told.', run: () => adminEndpoint(settings) },
  ];
}

function whatWasRead({ file, warnings, settings }: ReadSettings): readonly NamedOutcome[] {
  const { href } = settings.publicUrl;
  const from = file === undefined ? 'variables only' : file;
  return [
    { id: 'settings', ...ok(`${from}: a relay at ${href}, names by ${settings.routing}`) },
    ...warnings.map((warning) => ({ id: 'settings', ...warn(warning, 'docs/relay.md says more.') })),
  ];
}

async function auth({ auth }: RelaySettings, clock: Clock): Promise<Outcome> {
  switch (auth.kind) {
    case 'open':
      return warn('anybody who reaches it may register', 'Give out tokens, or name an auth provider.');
    case 'static': {
      const grants = auth.grants();
      return ok(`${grants.length} ${grants.length === 1 ? 'token' : 'tokens'}`);
    }
    case 'provider':
      return provider(auth, clock);
  }
}

/** Asks about a token that no agent has: a provider that works refuses it. */
async function provider(auth: RelayAuth & { kind: 'provider' }, clock: Clock): Promise<Outcome> {
  const question = { token: 'tunneld-relay-check', subdomain: '' };
  const where = `${auth.url.origin}${auth.url.pathname}`;
  const remedy = 'Until it answers, agents are told to try again later.';
  try {
    const { status } = await askProvider(auth, question, clock);
    if (status === 401 || status === 403) return ok(`${where} answers`);
    if (status !== 200) return bad(`${where} answered ${status} to a token nobody has`, remedy);
    return bad(`${where} admits a token nobody has`, 'It must answer 401 or 403 to tokens it does not know.');
  } catch (error) {
    const reason = messageOf(error);
    return bad(`${where} gives no answer: ${reason}`, remedy);
  }
}

function certificate({ tls, acme, publicUrl, routing }: RelaySettings, now: number): Outcome {
  if (acme !== undefined) return ok(`ordered from ${acme.directory.host}, kept in ${acme.folder}`);
  if (tls === undefined) {
    return publicUrl.protocol === 'https:'
      ? skipped('none: a proxy in front has to end TLS')
      : warn(`${publicUrl.origin} is not encrypted`, 'For anything but a trial, use TLS.');
  }
  try {
    readTls(tls);
  } catch (error) {
    if (!(error instanceof TunneldError)) throw error;
    return bad(error.message, 'Name a certificate with its own key, both in PEM and readable by the relay.');
  }
  const leaf = new X509Certificate(readFileSync(tls.cert));
  const until = `${tls.cert} is valid until ${new Date(leaf.validTo).toISOString().slice(0, 10)}`;
  const days = Math.floor((Date.parse(leaf.validTo) - now) / DAY_MS);
  if (days < 0) return bad(`${tls.cert} expired on ${leaf.validTo}`, 'Renew it.');
  if (Date.parse(leaf.validFrom) > now)
    return bad(`${tls.cert} is valid from ${leaf.validFrom}`, 'Set the clock.');
  const hosts =
    routing === 'host' ? [publicUrl.hostname, `name.${publicUrl.hostname}`] : [publicUrl.hostname];
  const [missing] = hosts.filter((host) => !isFor(leaf, host));
  if (missing !== undefined) {
    const wanted = hosts.map((host) => host.replace(/^name\./, '*.')).join(' and ');
    return bad(`${tls.cert} is not for ${missing.replace(/^name\./, '*.')}`, `It has to be for ${wanted}.`);
  }
  if (days < RENEWAL_DAYS) return warn(`${until}, ${days} days from now`, 'See that it is renewed.');
  if ((statSync(tls.key).mode & 0o007) !== 0) {
    return warn(`${tls.key} can be read by every user of this machine`, `chmod o= ${tls.key}`);
  }
  return ok(until);
}

/** `checkIP` throws for a text that is no address. */
function isFor(leaf: X509Certificate, host: string): boolean {
  return (net.isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host)) !== undefined;
}

async function port(settings: RelaySettings): Promise<Outcome> {
  return settings.port === 0 ? ok('any free one') : publicPort(settings, settings.port, 'port');
}

async function redirectPort(settings: RelaySettings): Promise<Outcome> {
  const { redirectPort: wanted } = settings;
  return wanted === undefined ? skipped('none') : publicPort(settings, wanted, 'redirectPort');
}

async function publicPort(settings: RelaySettings, wanted: number, key: string): Promise<Outcome> {
  const { host } = settings;
  const reason = await refusalOf(host, wanted);
  if (reason === undefined) return ok(`${wanted} on ${host} is free`);
  if (reason === 'EADDRINUSE' && (await relayAnswers(settings))) {
    return ok(`${wanted} on ${host}: a relay runs already`);
  }
  return taken(host, wanted, reason, key);
}

async function adminEndpoint(settings: RelaySettings): Promise<Outcome> {
  const { adminPort: wanted, adminSocket } = settings;
  if (adminSocket !== undefined && !isWritable(dirname(adminSocket))) {
    return bad(`${dirname(adminSocket)} cannot be written`, 'Make that folder, for the user of the relay.');
  }
  const onSocket = adminSocket === undefined ? '' : `${adminSocket}, mode 600`;
  if (wanted === undefined) return onSocket === '' ? skipped('none') : ok(onSocket);
  const reason = await refusalOf('127.0.0.1', wanted);
  if (reason === undefined) return ok(`${wanted} on 127.0.0.1 is free`);
  if (await relayAnswers(settings)) return ok(`${wanted} on 127.0.0.1: a relay runs already`);
  return taken('127.0.0.1', wanted, reason, 'adminPort');
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function taken(host: string, port: number, reason: string, key: string): Outcome {
  const change = `set ${key} to another`;
  if (reason === 'EACCES')
    return bad(`${port} is not for this user`, `Use a port from 1024 on, or ${change}.`);
  if (reason !== 'EADDRINUSE')
    return bad(`${host} cannot be listened on: ${reason}`, 'Set host to an own address.');
  const who = listeners()?.find((listener) => listener.port === port);
  const owner = who === undefined ? 'another program' : `a program of uid ${who.uid}, on ${who.address}`;
  return bad(`${port} is taken by ${owner}`, `Stop that program, or ${change}.`);
}

function refusalOf(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
}

/** Whether a relay runs already with these settings: only a relay answers so. */
async function relayAnswers({ adminPort, adminSocket }: RelaySettings): Promise<boolean> {
  if (adminSocket !== undefined && (await isRunningRelay({ socketPath: adminSocket }))) return true;
  return adminPort !== undefined && isRunningRelay({ port: adminPort });
}
