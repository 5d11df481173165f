import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock, Timer } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import type { FrameReceiver } from '../link/frame.ts';
import { FrameSocket, type Masking } from '../link/frame-socket.ts';
import {
  checkUpgradeAnswer,
  createKey,
  LINK_ENDPOINT,
  type LinkEndpoint,
  type UpgradeAnswer,
  upgradeRequest,
} from '../link/websocket-handshake.ts';
import { dialFailure } from './dial-failure.ts';
import { ForeignEndpointError, SILENT } from './foreign-endpoint.ts';
import { setPatientTimer } from './patient-timer.ts';
import { connectThrough } from './proxy-connect.ts';
import type { ProxyRoute } from './proxy-route.ts';

/** One buffer is read into over and over; it is replaced only when a piece of it is still in use. */
const READ_BUFFER_BYTES = 65_536;
const MAX_ANSWER_BYTES = 16_384;
/**
 * A relay answers a handshake at once. On one of another kind the path may lead to another tunnel,
 * which need not answer at all.
 */
const SILENT_AFTER_MS = 3_000;
const HEAD_END = '\r\n\r\n';

export interface DialOptions {
  readonly relayUrl: URL;
  readonly clock: Clock;
  readonly proxy?: ProxyRoute | undefined;
  /** Takes the frames that follow the handshake. */
  readonly receiver: FrameReceiver;
  /** The handshake succeeded. Called before any frame is delivered. */
  onOpen(wire: FrameSocket): void;
  /** It did not, and the socket is being destroyed. */
  onFailed(error: TunneldError): void;
}

/** Connects to a relay and shakes hands. The socket is the caller's to destroy. */
export function dial({ relayUrl, clock, proxy, receiver, onOpen, onFailed }: DialOptions): Socket {
  return dialWebSocket({
    relayUrl,
    proxy,
    endpoint: LINK_ENDPOINT,
    clock,
    wire: (socket, masking) => new FrameSocket(socket, masking, clock, receiver),
    onOpen,
    onFailed,
  });
}

/** Takes what follows the handshake. */
export interface WireReader {
  receive(bytes: Buffer): void;
  /** Set when it kept a piece of what it received; the buffer is not reused then. */
  kept?: boolean;
}

export interface WebSocketDialOptions<Wire extends WireReader> {
  readonly relayUrl: URL;
  readonly endpoint: LinkEndpoint;
  readonly clock: Clock;
  /** The way to the relay leads through it. */
  readonly proxy?: ProxyRoute | undefined;
  /** Called once the handshake succeeded. */
  wire(socket: Socket, masking: Masking): Wire;
  /** Says of an answer that it is of a relay better spoken to in another protocol. */
  misplaced?(answer: UpgradeAnswer): string | undefined;
  /** Called before anything is delivered to the wire. */
  onOpen(wire: Wire): void;
  onFailed(error: TunneldError): void;
}

/** The same for whatever is spoken over the WebSocket. */
export function dialWebSocket<Wire extends WireReader>(options: WebSocketDialOptions<Wire>): Socket {
  const { relayUrl, endpoint } = options;
  const secure = relayUrl.protocol === 'https:' || relayUrl.protocol === 'wss:';
  const host = relayUrl.hostname.replace(/^\[|\]$/g, '');
  const port = Number(relayUrl.port) || (secure ? 443 : 80);
  const key = createKey();

  let buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  let wire: Wire | undefined;
  let answer = '';
  let over = false;
  let silence: Timer | undefined;
  /** What the WebSocket is spoken over. */
  let spoken: Socket | undefined;
  const fail = (error: TunneldError) => {
    if (over) return;
    over = true;
    silence?.cancel();
    spoken?.destroy();
    socket.destroy();
    options.onFailed(error);
  };
  const foreign = (status: number, refusal: string) =>
    new ForeignEndpointError(relayUrl, endpoint.path, status, refusal);
  const receive = (bytes: Buffer): void => {
    if (wire !== undefined) {
      wire.receive(bytes);
      return;
    }
    silence?.cancel();
    // A head is text and small: scanned as such, with what was there before.
    const scannedFrom = answer.length;
    answer += bytes.toString('latin1');
    const end = answer.indexOf(HEAD_END, Math.max(0, scannedFrom - HEAD_END.length));
    if (end < 0) {
      if (answer.length > MAX_ANSWER_BYTES) fail(foreign(0, 'its answer has no end'));
      return;
    }
    const checked = checkUpgradeAnswer(answer.slice(0, end), key);
    const misplaced = options.misplaced?.(checked);
    const refusal = misplaced ?? checked.refusal;
    if (refusal !== undefined) {
      const byOurs = checked.ours && misplaced === undefined;
      fail(byOurs ? refusedByOurs(relayUrl, checked.status, refusal) : foreign(checked.status, refusal));
      return;
    }
    over = true;
    wire = options.wire(spoken ?? socket, secure ? 'zero' : 'random');
    options.onOpen(wire);
    const rest = bytes.subarray(end + HEAD_END.length - scannedFrom);
    if (rest.length > 0) wire.receive(rest);
  };
  const onread = {
    buffer: () => buffer,
    callback: (bytes: number) => {
      if (over && wire === undefined) return false;
      receive(buffer.subarray(0, bytes));
      if (wire?.kept) {
        wire.kept = false;
        buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
      }
      return true;
    },
  };
  const tls = /[a-z]/i.test(host) ? { servername: host } : {};
  const speakOver = (peer: Socket) => {
    spoken = peer;
    peer.setNoDelay(true);
    peer.once(secure ? 'secureConnect' : 'connect', ask);
    peer.on('error', (cause: NodeJS.ErrnoException) => fail(dialFailure(relayUrl, cause)));
    peer.on('close', () => {
      silence?.cancel();
      fail(new TunneldError('RELAY_UNREACHABLE', `The relay ${relayUrl.host} closed the connection`));
    });
    return peer;
  };
  function ask(): void {
    spoken?.write(upgradeRequest(relayUrl, key, endpoint), 'latin1');
    const silent = `no answer within ${SILENT_AFTER_MS / 1_000} s`;
    silence = setPatientTimer(options.clock, () => fail(foreign(SILENT, silent)), SILENT_AFTER_MS);
  }
  let socket: Socket;
  if (options.proxy === undefined) {
    const target = { host, port, onread };
    socket = speakOver(secure ? connectTls({ ...target, ...tls }) : connect(target));
  } else {
    // Sockets that others made cannot read into a buffer of ours.
    const onOpen = (way: Socket) => {
      const peer = speakOver(secure ? connectTls({ socket: way, ...tls }) : way);
      peer.on('data', (bytes: Buffer) => {
        if (wire !== undefined || !over) receive(bytes);
      });
      if (!secure) {
        ask();
        way.resume();
      }
    };
    socket = connectThrough(options.proxy, { host, port, onOpen, onFailed: fail });
  }
  return socket;
}

/** A relay of ours says no: no other protocol would find it of another mind. */
function refusedByOurs(relayUrl: URL, status: number, refusal: string): TunneldError {
  const code = status >= 500 || status === 429 ? 'RELAY_UNREACHABLE' : 'RELAY_PROTOCOL';
  return new TunneldError(code, `The relay ${relayUrl.host} did not open a link: ${refusal}`);
}
