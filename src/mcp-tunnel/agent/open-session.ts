import type { Socket } from 'node:net';
import { TunneldError } from '../../core/errors.ts';
import { Redactor } from '../../core/redact.ts';
import { dialWebSocket } from '../../relay/agent/agent-dial.ts';
import type { DialectOptions, DialectSession } from '../../relay/agent/dialect.ts';
import { type OpenOutcome, openInTime } from '../../relay/agent/open-in-time.ts';
import { assertPublicUrl } from '../../relay/agent/public-url-policy.ts';
import { encodeRegisterRequest, type RegisterAck } from '../wire/messages.ts';
import { REGISTER_ENDPOINT } from '../wire/register-endpoint.ts';
import { TextSocket } from '../wire/text-socket.ts';
import { McpTunnelSession } from './mcp-tunnel-session.ts';
import { printable } from './printable.ts';
import { publicUrlOf } from './public-url.ts';
import { type Registrant, registrationRefusal, registrationStep } from './registration.ts';

/** These relays acknowledge a name before they route it: until then it is not reachable. */
const ROUTED_AFTER_MS = 100;

/**
 * Dials a relay of mcp-tunnel or mcpr, registers `name` and serves it.
 *
 * @throws {ForeignEndpointError} when what answers is none, or is a tunneld relay, which is better
 *   spoken to in its own protocol
 * @throws {TunneldError} `RELAY_UNREACHABLE`, `TUNNEL_OPEN_TIMEOUT`, `CREDENTIAL_REJECTED`,
 *   `RELAY_NAME_DENIED`, `RELAY_PROTOCOL`, `RELAY_PUBLIC_URL`; the signal's reason when aborted, once the socket is gone
 */
export async function openMcpTunnelSession(options: DialectOptions): Promise<DialectSession> {
  return await openInTime<DialectSession>(
    options,
    (outcome) => new RegistrationAttempt(options, outcome).socket,
  );
}

/** From dialling to the relay's acknowledgement. */
class RegistrationAttempt {
  readonly socket: Socket;
  readonly #options: DialectOptions;
  readonly #registrant: Registrant;
  readonly #outcome: OpenOutcome<DialectSession>;

  constructor(options: DialectOptions, outcome: OpenOutcome<DialectSession>) {
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
    const link = new McpTunnelSession(wire, new URL(url), this.#options);
    this.#options.announce?.(link.publicUrl);
    clock.setTimer(() => {
      this.#outcome.succeed(link);
    }, ROUTED_AFTER_MS);
  }
}
