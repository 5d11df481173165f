import type { Socket } from 'node:net';
import type { Clock } from '../../../core/clock.ts';
import { TunneldError } from '../../../core/errors.ts';
import type { Exchange } from '../../../core/exchange.ts';
import type { Logger } from '../../../core/log.ts';
import { Redactor } from '../../../core/redact.ts';
import type { Secret } from '../../../core/secret.ts';
import type { SessionEnd } from '../../../core/session-end.ts';
import { dialWebSocket } from '../../agent/agent-dial.ts';
import { type OpenOutcome, openInTime } from '../../agent/open-in-time.ts';
import type { ProxyRoute } from '../../agent/proxy-route.ts';
import { assertPublicUrl } from '../../agent/public-url-policy.ts';
import { TextSocket } from '../../link/websocket-text.ts';
import { encodeRegisterRequest, type RegisterAck } from '../messages.ts';
import { printable } from './printable.ts';
import { publicUrlOf } from './public-url.ts';
import { type Registrant, registrationRefusal, registrationStep } from './registration.ts';
import { ServedLink } from './served-link.ts';

/** These relays acknowledge a name before they route it: until then it is not reachable. */
const ROUTED_AFTER_MS = 100;
/** Where agents register, under the relay's URL. */
export const REGISTER_ENDPOINT = { path: '/_tunnel/register' };

export interface McpTunnelLinkOptions {
  readonly relayUrl: URL;
  readonly name: string;
  readonly token: Secret;
  /** Hosts besides the relay's own that it may name in the public URL; see `assertPublicUrl`. */
  readonly publicHosts?: readonly string[];
  /** Takes each request, in process. */
  accept(exchange: Exchange): void;
  /** Told the public URL before the first `accept`. */
  announce?(publicUrl: URL): void;
  /** The way to the relay leads through it. */
  readonly proxy?: ProxyRoute | undefined;
  /** Gives up the attempt; of no effect once the link is open. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface McpTunnelLink {
  readonly publicUrl: URL;
  /** Settles when the link is gone. Never rejects. */
  readonly closed: Promise<SessionEnd>;
  /** What this relay cannot do; more is known once the first request came. */
  readonly notes: readonly string[];
  /** Ends the link and everything on it. Idempotent; resolves after `closed`. */
  close(): Promise<void>;
}

/**
 * Dials a relay of mcp-tunnel or mcpr, registers `name` and serves it.
 *
 * @throws {ForeignEndpointError} when what answers is none, or is a tunneld relay, which is better
 *   spoken to in its own protocol
 * @throws {TunneldError} `RELAY_UNREACHABLE`, `TUNNEL_OPEN_TIMEOUT`, `CREDENTIAL_REJECTED`,
 *   `RELAY_NAME_DENIED`, `RELAY_PROTOCOL`, `RELAY_PUBLIC_URL`; the signal's reason when aborted, once the socket is gone
 */
export async function openMcpTunnelLink(options: McpTunnelLinkOptions): Promise<McpTunnelLink> {
  return await openInTime<McpTunnelLink>(
    options,
    (outcome) => new RegistrationAttempt(options, outcome).socket,
  );
}

/** From dialling to the relay's acknowledgement. */
class RegistrationAttempt {
  readonly socket: Socket;
  readonly #options: McpTunnelLinkOptions;
  readonly #registrant: Registrant;
  readonly #outcome: OpenOutcome<McpTunnelLink>;

  constructor(options: McpTunnelLinkOptions, outcome: OpenOutcome<McpTunnelLink>) {
    this.#options = options;
    this.#outcome = outcome;
    this.#registrant = { relay: options.relayUrl.host, name: options.name };
    this.socket = dialWebSocket({
      relayUrl: options.relayUrl,
      endpoint: REGISTER_ENDPOINT,
      proxy: options.proxy,
      clock: options.clock,
      wire: (socket, masking) => new TextSocket(socket, masking, options.clock),
      misplaced: ({ ours }) => (ours ? 'it is a tunneld relay' : undefined),
      onOpen: (wire) => this.#register(wire),
      onFailed: (error) => outcome.fail(error),
    });
  }

  #register(wire: TextSocket): void {
    const { name, token } = this.#options;
    // A relay that quotes the token must not bring it into status and errors.
    const redactor = new Redactor();
    redactor.add(token);
    wire.onClosed = ({ code, reason }) =>
      this.#outcome.fail(registrationRefusal({ code, reason: redactor.clean(reason) }, this.#registrant));
    wire.onText = (text) => {
      const step = this.#outcome.settled
        ? undefined
        : registrationStep(redactor.clean(text), this.#registrant);
      if (step?.kind === 'registered') this.#registered(wire, step.ack);
      else if (step?.kind === 'reply') wire.send(step.text);
      else if (step?.kind === 'failed') this.#outcome.fail(step.error);
    };
    wire.send(encodeRegisterRequest({ token: token.reveal(), subdomain: name }));
  }

  #registered(wire: TextSocket, { subdomain, url }: RegisterAck): void {
    const { relayUrl, publicHosts = [], name, clock, log } = this.#options;
    if (!URL.canParse(url) || !/^https?:/.test(url)) {
      const message = `The relay ${relayUrl.host} sent a public URL that is not one`;
      this.#outcome.fail(new TunneldError('RELAY_PROTOCOL', message));
      return;
    }
    try {
      assertPublicUrl(publicUrlOf(new URL(url), relayUrl), relayUrl, publicHosts);
    } catch (error) {
      this.#outcome.fail(error);
      return;
    }
    log.info(
      { name, subdomain: printable(subdomain), claimed: printable(url) },
      'registered with a relay of the mcp-tunnel protocol',
    );
    const link = new ServedLink(wire, new URL(url), this.#options);
    this.#options.announce?.(link.publicUrl);
    clock.setTimer(() => {
      this.#outcome.succeed(link);
    }, ROUTED_AFTER_MS);
  }
}
