import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import { FrameType } from '../link/frame.ts';
import { FrameSocket } from '../link/frame-socket.ts';
import { type AgentHello, decodeAgentHello } from '../link/hello.ts';
import { encodeGoaway, LinkError } from '../link/link-error.ts';
import type { Authorize } from './authorization.ts';
import { RELAY_NAME } from './path-routing.ts';

/** A socket that says nothing useful this long is closed. */
const REGISTRATION_TIMEOUT_MS = 5_000;

export interface Registered {
  readonly wire: FrameSocket;
  readonly hello: AgentHello;
  /** The name it got. */
  readonly name: string;
  readonly identity: string;
}

/**
 * Waits for an agent's HELLO on an upgraded socket and checks it. A refused agent is told why with
 * a GOAWAY before its socket ends.
 *
 * @throws {LinkError} when the agent was refused or went away; the socket is closed by then
 */
export async function registerLink(
  socket: Socket,
  buffered: Buffer,
  context: {
    readonly clock: Clock;
    readonly authorize: Authorize;
    /** Told when the HELLO is here. */
    spoke?(): void;
  },
): Promise<Registered> {
  const hello = await new Promise<AgentHello & { wire: FrameSocket }>((resolve, reject) => {
    let greeted = false;
    const link = new FrameSocket(socket, 'none', context.clock, {
      frame: (type, _id, payload) => {
        // Until it is answered, an agent has nothing to say but HELLO.
        if (greeted || type !== FrameType.hello) throw new LinkError('protocol', 'expected one HELLO first');
        greeted = true;
        context.spoke?.();
        timer.cancel();
        try {
          resolve({ ...decodeAgentHello(payload), wire: link });
        } catch (error) {
          if (!(error instanceof LinkError)) throw error;
          // An agent of another version must learn that this is why, not only that the socket ended.
          refuseLink(link, error);
        }
      },
      data: () => {
        throw new LinkError('protocol', 'expected HELLO first');
      },
    });
    link.onClosed = (error) => {
      timer.cancel();
      reject(error);
    };
    const timer = context.clock.setTimer(() => {
      refuseLink(link, new LinkError('timeout', 'no HELLO in time'));
    }, REGISTRATION_TIMEOUT_MS);
    socket.on('data', (chunk: Buffer) => link.receive(chunk));
    if (buffered.length > 0) link.receive(buffered);
  });
  return check(hello.wire, hello, context.authorize);
}

async function check(wire: FrameSocket, hello: AgentHello, authorize: Authorize): Promise<Registered> {
  if (hello.name !== '' && !RELAY_NAME.test(hello.name)) {
    throw refuseLink(wire, new LinkError('nameInvalid', 'the name is not usable in a URL'));
  }
  const answer = await authorize({ name: hello.name, token: hello.token });
  if (!answer.ok) throw refuseLink(wire, new LinkError(answer.reason, answer.detail));
  if (wire.closed) throw new LinkError('closing', 'the agent went away during registration');
  const name = answer.name ?? hello.name;
  if (name === '') throw refuseLink(wire, new LinkError('nameInvalid', 'this relay gives no names'));
  return { wire, hello, name, identity: answer.identity };
}

/** Tells the agent why, then ends the socket. */
function refuseLink(wire: FrameSocket, error: LinkError): LinkError {
  const payload = encodeGoaway(error.reason, error.message);
  wire.frame(FrameType.goaway, 0, payload, 0, payload.length, false);
  wire.close(error);
  return error;
}
