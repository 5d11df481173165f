import { isIP } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import { lookUp } from '../../core/name-lookup.ts';
import type { Finding } from '../../core/status.ts';
import { dial } from '../../relay/agent/agent-dial.ts';
import { ForeignEndpointError } from '../../relay/agent/foreign-endpoint.ts';

/** A relay that has not shaken hands by then is not going to carry a session (milliseconds). */
const LINK_MS = 5_000;

export interface Subject {
  readonly relayUrl: URL;
  /** The name that is asked for there. */
  readonly name: string;
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
export async function findings({ relayUrl, name, refusal, clock }: Subject): Promise<readonly Finding[]> {
  const host = relayUrl.hostname.replace(/^\[|\]$/g, '');
  const resolved = isIP(host) === 0 ? [await resolves(host, clock)] : [];
  if (resolved.some(({ ok }) => !ok)) return resolved;
  const link = await opensLink(relayUrl, clock);
  return link.ok ? [...resolved, link, ...registration(name, refusal)] : [...resolved, link];
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

/** Shakes hands as a session does, certificate included, and says no more. */
function opensLink(relayUrl: URL, clock: Clock): Promise<Finding> {
  return new Promise((resolve) => {
    const settle = (finding: Finding) => {
      timer.cancel();
      socket.destroy();
      resolve(finding);
    };
    const fail = (error: TunneldError) => {
      const { code, message, remedy } = error;
      // It is there; a relay of another kind answers so, and whether it takes us its session says.
      if (error instanceof ForeignEndpointError && code === 'RELAY_PROTOCOL')
        settle(good('link', `${relayUrl.host} answers, and opens no links of tunneld's own kind`));
      else settle({ name: 'link', ok: false, detail: `${code}: ${message}`, remedy });
    };
    const timer = clock.setTimer(() => {
      const text = `The relay ${relayUrl.host} did not shake hands within ${LINK_MS / 1_000} s`;
      fail(new TunneldError('RELAY_UNREACHABLE', text));
    }, LINK_MS);
    const socket = dial({
      relayUrl,
      clock,
      receiver: { frame: () => {}, data: () => {} },
      onOpen: () => settle(good('link', `${relayUrl.host} opens links${certificateOf(socket)}`)),
      onFailed: fail,
    });
  });
}

function certificateOf(socket: unknown): string {
  if (!(socket instanceof TLSSocket)) return '';
  return `; its certificate is valid until ${socket.getPeerCertificate().valid_to}`;
}

/** Named after what to mend: the token, or the name. */
function registration(name: string, refusal: TunneldError | undefined): readonly Finding[] {
  if (refusal === undefined) return [];
  const { code, message, remedy } = refusal;
  const about = code === 'CREDENTIAL_REJECTED' ? 'token' : 'name';
  return [{ name: about, ok: false, detail: `${code} for "${name}": ${message}`, remedy }];
}

function good(name: string, detail: string): Finding {
  return { name, ok: true, detail, remedy: '' };
}
