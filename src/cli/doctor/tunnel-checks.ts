import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import { isLoopbackHost } from '../../core/loopback.ts';
import { GATEWAY_HEALTH_PATH, INSTANCE_HEADER, PROBE_HEADER } from '../../core/markers.ts';
import { lookUp } from '../../core/name-lookup.ts';
import type { Secret } from '../../core/secret.ts';
import type { TunnelStatus } from '../../core/status.ts';
import type { DaemonClient } from '../daemon-client.ts';
import { warningsOf } from '../render/warnings.ts';
import { type Answer, ask } from './answers.ts';
import { bad, type Check, type NamedOutcome, type Outcome, ok, skipped, warn } from './check.ts';
import { checkListening, checkServer, type ServerFacts } from './server-check.ts';

const ANSWER_MS = 4_000;

/** Tokens, leases and certificates of this world forgive about this much (milliseconds). */
const MOST_SKEW_MS = 60_000;

export interface TunnelFacts extends ServerFacts {
  /** Absent when no daemon answers; then only the server can be looked at. */
  readonly live?: LiveTunnel;
}

export interface LiveTunnel {
  readonly status: TunnelStatus;
  /** Where its server may be, in the order in which the daemon tries. */
  readonly hosts: readonly string[];
  readonly client: DaemonClient;
  readonly clock: Clock;
  /** Absent while it does not run. */
  readonly gatewayUrl?: URL;
  /** Whom its provider dials, where the configuration says so. */
  readonly edgeUrl?: URL;
  /** Its sessions lead away from this machine. */
  readonly needsNetwork: boolean;
  /** Absent for a tunnel that is public on purpose. */
  readonly token?: Secret;
  /** Says to the gateway that it is one of our checks, and no stranger, who asks without the token. */
  readonly probeKey?: Secret;
}

/** One tunnel from the server outwards: what is nearer explains what is farther. */
export function tunnelChecks(facts: TunnelFacts): readonly Check[] {
  const { name: tunnel, upstream, live } = facts;
  const server: Check[] = [
    {
      id: 'server',
      tunnel,
      about: 'The MCP server accepts connections, and answers the probes as an MCP server.',
      run: () => checkServer(facts, live?.status),
    },
    {
      id: 'listening',
      tunnel,
      about: 'The server should listen on this machine only: the tunnel is the way in from outside.',
      run: () => checkListening(upstream),
    },
  ];
  if (live === undefined) return server;
  if (live.status.desired === 'down') {
    const run = async () => skipped(`down on purpose; \`tunneld up ${tunnel}\` brings it up`);
    return [...server, { id: 'tunnel', tunnel, about: 'What the supervisor makes of it.', run }];
  }
  const check = (id: string, about: string, look: (live: LiveTunnel) => ReturnType<Check['run']>): Check => ({
    id,
    tunnel,
    about,
    run: () => look(live),
  });
  return [
    ...server,
    check('gateway', 'Our own gateway lets the token through, and nobody without it.', gateway),
    check('network', 'A default route, where the provider is out on the internet.', network),
    check('clock', 'This clock and that of the edge agree; certificates and leases depend on it.', clockSkew),
    check('provider', 'What the provider needs: engine, image, credentials, edge.', provider),
    check('dns', 'The name in the public URL resolves.', dns),
    check('tunnel', 'What the supervisor makes of it.', session),
    check('exposure', 'The public URL answers nobody without the token.', exposure),
    check('url', 'The public URL leads to this gateway, with the token.', publicUrl),
    check('notes', 'What the session cannot do, and who may read along.', notes),
  ];
}

async function gateway(live: LiveTunnel): Promise<Outcome> {
  const { gatewayUrl, token } = live;
  if (gatewayUrl === undefined) return skipped('it does not run while the tunnel cannot open');
  const url = new URL(GATEWAY_HEALTH_PATH, gatewayUrl);
  const [withToken, without] = await Promise.all([
    ask(url, bearer(token), ANSWER_MS),
    ask(url, marked(live), ANSWER_MS),
  ]);
  const restart = 'Run `tunneld restart` for this tunnel; if that does not help, restart the daemon.';
  if (!('status' in withToken))
    return bad(`${gatewayUrl.host} does not answer: ${withToken.message}`, restart);
  if (withToken.status !== 200) return bad(`the gateway answers ${withToken.status} to the token`, restart);
  if (token === undefined)
    return warn('open to everybody on purpose', 'Bring it up without --insecure-public.');
  const refused = 'status' in without && without.status === 401;
  return refused ? ok('200 with the token, 401 without') : bad('it answers without a token', restart);
}

async function provider({ client, status }: LiveTunnel): Promise<Outcome | readonly NamedOutcome[]> {
  const { findings } = await client.diagnose(status.name);
  // The daemon's own two legs are looked at by checks of their own.
  const own = findings.filter(({ name }) => name !== 'server' && name !== 'url');
  if (own.length === 0) return skipped(`${status.provider} needs nothing that could be looked at`);
  return own.map(({ name, ok: fine, detail, remedy }) => ({
    id: `${status.provider} ${name}`,
    ...(fine ? ok(detail) : bad(detail, remedy)),
  }));
}

async function network(live: LiveTunnel): Promise<Outcome> {
  if (isLocal(live)) return skipped('the public URL is on this machine');
  if (process.platform !== 'linux') return skipped('this system is not asked');
  if (hasDefaultRoute()) return ok('there is a default route');
  return bad('there is no default route: this machine is offline', 'Connect it to a network.');
}

async function dns({ status, clock }: LiveTunnel): Promise<Outcome> {
  const host = status.publicUrl === undefined ? undefined : new URL(status.publicUrl).hostname;
  if (host === undefined || isIP(host.replace(/^\[|\]$/g, '')) !== 0 || isLoopbackHost(host)) {
    return skipped('the public URL has no name to look up');
  }
  const found = await lookUp(host, clock);
  if ('address' in found) return ok(`${host} is ${found.address}`);
  const remedy = 'Check the name servers of this machine, and the provider.';
  return bad(`${host} does not resolve (${found.failure})`, remedy);
}

async function session({ status }: LiveTunnel): Promise<Outcome> {
  const { state, health, lastError } = status;
  if (lastError?.code === 'TUNNEL_EXPOSED') return skipped('closed because it was exposed');
  if (state === 'up') return ok(`${state}, ${health.verdict}`);
  if (lastError !== undefined)
    return bad(`${state}: ${lastError.code}: ${lastError.message}`, lastError.remedy);
  return warn(state, 'Wait until it has opened, and look again.');
}

async function exposure(live: LiveTunnel): Promise<Outcome> {
  const { status, token } = live;
  const { lastError, health, mcpUrl } = status;
  if (lastError?.code === 'TUNNEL_EXPOSED') return bad(lastError.message, lastError.remedy);
  if (token === undefined)
    return warn('anybody who knows the URL reaches the server, on purpose', 'Give it a token.');
  if (health.verdict === 'exposed') return bad(health.cause, health.remedy);
  if (mcpUrl === undefined) return skipped('there is no public URL yet');
  const answer = await askAnonymously(live);
  if (answer === undefined || !('status' in answer)) return skipped('the public URL does not answer');
  if (answer.status >= 400) return ok(`${answer.status} without the token`);
  return bad(
    `${mcpUrl} answers ${answer.status} without a token`,
    `Take it down (\`tunneld down ${status.name}\`) and look for another service on the same address.`,
  );
}

async function publicUrl(live: LiveTunnel): Promise<Outcome> {
  const { status } = live;
  // An answer at its old URL says nothing of this tunnel; the check of the tunnel itself has the reason.
  if (status.state !== 'up') return skipped('the tunnel is not up');
  const publicLeg = status.health.public;
  const answer = await askPublic(live);
  if (answer === undefined) return skipped('there is no public URL yet');
  if (!('status' in answer))
    return bad(`${status.publicUrl} does not answer: ${answer.message}`, status.health.remedy);
  if (answer.headers[INSTANCE_HEADER] === undefined) {
    return bad(
      `${status.publicUrl} is answered (${answer.status}) by something other than this gateway`,
      status.health.remedy,
    );
  }
  if (answer.status !== 200)
    return bad(`${status.publicUrl} answers ${answer.status} to the token`, status.health.remedy);
  // The way is open; what lies behind it has its own check.
  if (publicLeg !== undefined && !publicLeg.ok && publicLeg.finding !== 'upstream-down') {
    return bad(`${publicLeg.finding}: ${publicLeg.detail}`, status.health.remedy);
  }
  return ok(`${status.mcpUrl} leads to this gateway`);
}

async function clockSkew(live: LiveTunnel): Promise<Outcome> {
  const edge = live.status.publicUrl ?? live.edgeUrl;
  if (edge === undefined) return skipped('there is no public URL yet');
  const trusted = await askAnonymously(live);
  // With a wrong clock no certificate is valid: asked again without checking it, and without the token.
  const answer =
    trusted !== undefined && 'status' in trusted
      ? trusted
      : await ask(new URL(edge), {}, ANSWER_MS, { anyCertificate: true });
  const date = 'headers' in answer ? Date.parse(answer.headers.date ?? '') : Number.NaN;
  if (Number.isNaN(date)) return skipped('the edge does not say what time it is');
  const skewMs = Date.now() - date;
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  if (Math.abs(skewMs) <= MOST_SKEW_MS) return ok(`within ${Math.max(1, seconds)} s of the edge`);
  const way = skewMs > 0 ? 'ahead of' : 'behind';
  return bad(`this clock is ${seconds} s ${way} that of the edge`, 'Have this machine set its clock by NTP.');
}

function askPublic({
  status,
  token,
}: LiveTunnel): Promise<Answer | NodeJS.ErrnoException> | Promise<undefined> {
  if (status.publicUrl === undefined) return Promise.resolve(undefined);
  const base = status.publicUrl.replace(/\/$/, '');
  return ask(new URL(`${base}${GATEWAY_HEALTH_PATH}`), bearer(token), ANSWER_MS);
}

async function notes({ status }: LiveTunnel): Promise<Outcome> {
  const [first, ...more] = warningsOf(status);
  if (first === undefined) return skipped('nothing to know');
  return warn([first, ...more].join('\n'), 'See docs/providers.md for what each way can do.');
}

/** One question for all checks that ask what a stranger would see. It never reaches the server. */
const anonymous = new WeakMap<LiveTunnel, Promise<Answer | NodeJS.ErrnoException>>();

function askAnonymously(live: LiveTunnel): Promise<Answer | NodeJS.ErrnoException> | undefined {
  const { publicUrl } = live.status;
  if (publicUrl === undefined) return undefined;
  const known = anonymous.get(live);
  if (known !== undefined) return known;
  const url = new URL(publicUrl.replace(/\/$/, '') + GATEWAY_HEALTH_PATH);
  const asked = ask(url, marked(live), ANSWER_MS);
  anonymous.set(live, asked);
  return asked;
}

function marked({ probeKey }: LiveTunnel): Record<string, string> {
  return probeKey === undefined ? {} : { [PROBE_HEADER]: `${probeKey.reveal()}.${randomUUID()}` };
}

function bearer(token: Secret | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` };
}

function isLocal({ status: { publicUrl }, edgeUrl, needsNetwork }: LiveTunnel): boolean {
  const url = edgeUrl ?? publicUrl;
  if (url === undefined) return !needsNetwork;
  return isLoopbackHost(new URL(url).hostname);
}

/** Destination 0 with the flag "up" (1): route(8) and `/proc/net/route`. */
function hasDefaultRoute(): boolean {
  const lines = readFileSync('/proc/net/route', 'utf8').split('\n').slice(1);
  const v4 = lines.some((line) => {
    const [, destination, , flags = '0'] = line.split('\t');
    return destination === '00000000' && (Number.parseInt(flags, 16) & 1) === 1;
  });
  return v4 || /^0{32} 00 .* (?!.*lo$)\S+$/m.test(ipv6Routes());
}

function ipv6Routes(): string {
  try {
    return readFileSync('/proc/net/ipv6_route', 'utf8').replace(/^.* lo$/gm, '');
  } catch {
    return '';
  }
}
