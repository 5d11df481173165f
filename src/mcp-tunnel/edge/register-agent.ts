import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import type { Authorization, Authorize } from '../../relay/edge/authorization.ts';
import { RELAY_NAME } from '../../relay/edge/path-routing.ts';
import { LinkError } from '../../relay/link/link-error.ts';
import { CloseCode } from '../wire/close-codes.ts';
import { decodeRegisterRequest, decodeSubdomainPick, encodeSubdomainOffer } from '../wire/messages.ts';
import { TextSocket } from '../wire/text-socket.ts';

/** A socket that says nothing useful this long is closed. */
const REGISTRATION_TIMEOUT_MS = 5_000;
/** The clients ask a human at a keyboard, whose token was found good by then. */
const PICK_TIMEOUT_MS = 120_000;
/** Everything a client may send before it is registered, whatever it is. */
const MAX_REGISTRATION_BYTES = 65_536;

export interface RegisteredAgent {
  readonly wire: TextSocket;
  /** The name it got. */
  readonly name: string;
  readonly identity: string;
}

export interface RegistrationContext {
  readonly clock: Clock;
  readonly authorize: Authorize;
  /** Where the agent dials from. */
  readonly address: string;
  /** Called once it said who it is. */
  spoke(): void;
  /** It was asked something, and may take its time: its place may be given to another socket. */
  asked(): void;
}

/**
 * Registers a client of mcp-tunnel on an upgraded socket, offering it names when it may have
 * several. Text that is no registration is skipped, as the official relay does, within bounds.
 *
 * @throws {LinkError} when the client was refused or went away; the socket is closed by then
 */
export async function registerAgent(
  socket: Socket,
  buffered: Buffer,
  { clock, authorize, address, spoke, asked }: RegistrationContext,
): Promise<RegisteredAgent> {
  const wire = new TextSocket(socket, 'none', clock, MAX_REGISTRATION_BYTES);
  let allowed = MAX_REGISTRATION_BYTES;
  const receive = (chunk: Buffer) => {
    allowed -= chunk.length;
    if (allowed >= 0) wire.receive(chunk);
    else wire.close(CloseCode.refused, 'too many bytes without a registration');
  };
  const registration = nextMessage(wire, clock, decodeRegisterRequest, REGISTRATION_TIMEOUT_MS);
  socket.on('data', receive);
  if (buffered.length > 0) receive(buffered);
  const { token, subdomain: requested = '' } = await registration;
  spoke();
  let answer = await authorize({ name: requested, token, address });
  if (!answer.ok && answer.offer !== undefined && !wire.closed) {
    const { patterns, pick } = answer.offer;
    wire.send(encodeSubdomainOffer({ subdomains: patterns }));
    asked();
    const picked = await nextMessage(wire, clock, decodeSubdomainPick, PICK_TIMEOUT_MS);
    answer = pick(picked.subdomain);
  }
  const { name, identity } = admitted(wire, answer, requested);
  allowed = Number.POSITIVE_INFINITY;
  return { wire, name, identity };
}

/** @throws {LinkError} the client is told why */
function admitted(wire: TextSocket, answer: Authorization, requested: string) {
  if (wire.closed) throw new LinkError('closing', 'the agent went away during registration');
  const error = !answer.ok
    ? new LinkError(answer.reason, answer.detail)
    : RELAY_NAME.test(answer.name ?? requested)
      ? undefined
      : new LinkError('nameInvalid', 'the name is not usable in a URL');
  if (error === undefined && answer.ok) return { name: answer.name ?? requested, identity: answer.identity };
  wire.close(CloseCode.refused, error?.message ?? '');
  throw error;
}

/** The next text that `decode` knows. */
function nextMessage<T>(
  wire: TextSocket,
  clock: Clock,
  decode: (text: string) => T | undefined,
  timeoutMs: number,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(() => {
      settle(() => reject(new LinkError('timeout', 'no registration in time')));
      wire.close(CloseCode.refused, 'no registration in time');
    }, timeoutMs);
    wire.onText = (text) => {
      const message = decode(text);
      if (message !== undefined) settle(() => resolve(message));
    };
    wire.onClosed = ({ reason }) => settle(() => reject(new LinkError('closing', reason)));
    function settle(outcome: () => void): void {
      timer.cancel();
      wire.onText = undefined;
      wire.onClosed = undefined;
      outcome();
    }
  });
}
