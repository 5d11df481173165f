import { isIP } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import { lookUp } from '../../core/name-lookup.ts';
import type { Finding } from '../../core/status.ts';
import { dialWebSocket } from '../../relay/agent/agent-dial.ts';
import { ForeignEndpointError } from '../../relay/agent/foreign-endpoint.ts';
import { type ProxyRoute, proxyFor } from '../../relay/agent/proxy-route.ts';
import { LINK_ENDPOINT, type LinkEndpoint } from '../../relay/link/websocket-handshake.ts';
import { OTHER_DIALECTS } from './dialects.ts';
import { clearNotes } from './session-notes.ts';

/** A relay that has not shaken hands by then is not going to carry a session (milliseconds). */
const LINK_MS = 5_000;

export interface Subject {
  readonly relayUrl: URL;
  /** Names the proxy that leads to the relay, if one does. */
  readonly env: NodeJS.ProcessEnv;
  /** The name that is asked for there. */
  readonly name: string;
  /** A session is open now: whatever is seen from outside, links work. */
  readonly open: boolean;
  /** Of the last session. */
  readonly publicUrl: URL | undefined;
  /** Why the relay would not have us, when it last said so. */
  readonly refusal: TunneldError | undefined;
  readonly clock: Clock;
}

/**
 * What a session needs of its relay: a name that resolves, a link, and a relay that takes us.
 *
 * The last is what the relay said when it was last asked: to register once more would end the
 * session that is there.
 */
export async function findings(subject: Subject): Promise<readonly Finding[]> {
  const { relayUrl, env, open, publicUrl, clock } = subject;
  const proxy = proxyOf(relayUrl, env);
  if (proxy instanceof TunneldError) return [bad('proxy', proxy)];
  const host = relayUrl.hostname.replace(/^\[|\]$/g, '');
  // Behind a proxy the name is for the proxy to resolve.
  const resolved =
    proxy !== undefined
      ? [good('proxy', `the way to ${relayUrl.host} leads through ${proxy.url.host} (${proxy.variable})`)]
      : isIP(host) === 0
        ? [await resolves(host, clock)]
        : [];
  const clear = clearNotes(open ? publicUrl : undefined, relayUrl).map(inClear);
  if (open) {
    const link = good('link', `a link to ${relayUrl.host} is open`);
    return [...resolved, link, ...(await certificate(relayUrl, proxy, clock)), ...clear];
  }
  if (resolved.some(({ ok }) => !ok)) return resolved;
  const link = await opensLink(relayUrl, proxy, clock);
  if (!link.ok) return [...resolved, link];
  return [...resolved, link, ...registration(subject.name, subject.refusal), ...clear];
}

function proxyOf(relayUrl: URL, env: NodeJS.ProcessEnv): ProxyRoute | TunneldError | undefined {
  try {
    return proxyFor(relayUrl, env);
  } catch (error) {
    if (error instanceof TunneldError) return error;
    throw error;
  }
}

function inClear(note: string): Finding {
  const [detail = note, remedy = ''] = note.split(/(?<=in clear\.) /);
  return { name: 'encryption', ok: false, detail, remedy };
}

async function resolves(host: string, clock: Clock): Promise<Finding> {
  const found = await lookUp(host, clock);
  if ('address' in found) return good('dns', `${host} is ${found.address}`);
  return {
    name: 'dns',
    ok: false,
    detail: `the relay's name ${host} does not resolve (${found.failure})`,
    remedy: 'Check the name servers of this machine, and the address of the relay.',
  };
}

/**
 * Whether what is there opens links, of either kind. A relay of the other kind may answer our own
 * question with anything, also with the error page of a tunnel: its own way is asked for then.
 */
async function opensLink(relayUrl: URL, proxy: ProxyRoute | undefined, clock: Clock): Promise<Finding> {
  const ours = await shakeHands(relayUrl, LINK_ENDPOINT, proxy, clock);
  if (typeof ours === 'string') return good('link', `${relayUrl.host} opens links${ours}`);
  if (!(ours instanceof ForeignEndpointError)) return bad(placeOf(ours), ours);
  for (const { name, endpoint } of OTHER_DIALECTS) {
    const theirs = await shakeHands(relayUrl, endpoint, proxy, clock);
    if (typeof theirs === 'string') {
      return good('link', `${relayUrl.host} opens links of the ${name} protocol${theirs}`);
    }
  }
  return bad('link', ours);
}

/** The session shows that links work; its certificate is what the next one meets. */
async function certificate(
  relayUrl: URL,
  proxy: ProxyRoute | undefined,
  clock: Clock,
): Promise<readonly Finding[]> {
  if (relayUrl.protocol !== 'https:') return [];
  const shaken = await shakeHands(relayUrl, LINK_ENDPOINT, proxy, clock);
  if (typeof shaken === 'string')
    return [good('certificate', `${relayUrl.host}${shaken.replace('; its', ': the')}`)];
  return shaken.code === 'RELAY_CERTIFICATE' ? [bad('certificate', shaken)] : [];
}

/**
 * Shakes hands as a session does, certificate included, and says no more.
 *
 * @returns what there is to say of the certificate, or why it failed
 */
function shakeHands(
  relayUrl: URL,
  endpoint: LinkEndpoint,
  proxy: ProxyRoute | undefined,
  clock: Clock,
): Promise<string | TunneldError> {
  return new Promise((resolve) => {
    const settle = (outcome: string | TunneldError) => {
      timer.cancel();
      socket.destroy();
      resolve(outcome);
    };
    const timer = clock.setTimer(() => {
      const text = `The relay ${relayUrl.host} did not shake hands within ${LINK_MS / 1_000} s`;
      settle(new TunneldError('RELAY_UNREACHABLE', text));
    }, LINK_MS);
    const socket = dialWebSocket({
      relayUrl,
      endpoint,
      proxy,
      clock,
      wire: () => ({ receive: () => {} }),
      onOpen: () => settle(certificateOf(socket)),
      onFailed: settle,
    });
  });
}

function certificateOf(socket: unknown): string {
  if (!(socket instanceof TLSSocket)) return '';
  return `; its certificate is valid until ${socket.getPeerCertificate().valid_to}`;
}

/** Named after what to correct: the token, or the name. */
function registration(name: string, refusal: TunneldError | undefined): readonly Finding[] {
  if (refusal === undefined) return [];
  const { code, message, remedy } = refusal;
  const about = code === 'CREDENTIAL_REJECTED' ? 'token' : 'name';
  return [{ name: about, ok: false, detail: `${code} for "${name}": ${message}`, remedy }];
}

/** Where the failure is: at the proxy when that refuses to connect us. */
function placeOf({ code }: TunneldError): string {
  return code === 'RELAY_PROXY' ? 'proxy' : 'link';
}

function bad(name: string, { code, message, remedy }: TunneldError): Finding {
  return { name, ok: false, detail: `${code}: ${message}`, remedy };
}

function good(name: string, detail: string): Finding {
  return { name, ok: true, detail, remedy: '' };
}
