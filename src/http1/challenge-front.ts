import type { Socket } from 'node:net';
import { createServer, type SecureContext, type Server as TlsServer } from 'node:tls';
import type { Clock } from '../core/clock.ts';

/** Certificates that show an authority that a name leads here (tls-alpn-01, RFC 8737). */
export interface TlsChallenges {
  /** An authority may ask now; otherwise no handshake is looked at. */
  readonly pending: boolean;
  contextFor(servername: string): SecureContext | undefined;
}

const PROTOCOL = 'acme-tls/1';
/** As it stands in the list of a ClientHello, which is not encrypted. */
const OFFERED = Buffer.from(`\x0a${PROTOCOL}`, 'latin1');
const HANDSHAKE_RECORD = 22;
const RECORD_HEAD_BYTES = 5;
const MAX_RECORD_BYTES = 16_384;

/**
 * Tells an authority's handshakes from visitors', who must not see its certificate. Node chooses the
 * certificate before it tells which protocols are offered, so the ClientHello is looked at here.
 */
export class ChallengeFront {
  readonly #challenges: TlsChallenges;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #server: TlsServer;

  constructor(challenges: TlsChallenges, timeoutMs: number, clock: Clock) {
    this.#challenges = challenges;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#server = createServer(
      {
        ALPNProtocols: [PROTOCOL],
        handshakeTimeout: timeoutMs,
        SNICallback: (servername, done) => {
          const context = challenges.contextFor(servername.toLowerCase());
          done(context === undefined ? new Error('no challenge for this name') : null, context);
        },
      },
      // The certificate was the answer.
      (socket) => socket.on('error', () => socket.destroy()).end(),
    );
  }

  /** @param pass takes the socket if it is a visitor's, nothing read from it yet as far as it can tell */
  enter(socket: Socket, pass: (socket: Socket) => void): void {
    if (!this.#challenges.pending) {
      pass(socket);
      return;
    }
    let seen: Buffer = Buffer.alloc(0);
    const drop = () => socket.destroy();
    const timer = this.#clock.setTimer(drop, this.#timeoutMs);
    const leave = () => {
      timer.cancel();
      socket.off('data', read).off('end', drop).off('error', drop).off('close', leave);
    };
    const read = (bytes: Buffer) => {
      seen = seen.length === 0 ? bytes : Buffer.concat([seen, bytes]);
      if (!isWholeRecord(seen)) return;
      leave();
      socket.pause();
      socket.unshift(seen);
      if (seen.includes(OFFERED)) this.#server.emit('connection', socket);
      else pass(socket);
    };
    socket.on('data', read).on('end', drop).on('error', drop).on('close', leave);
    socket.resume();
  }
}

/** Or nothing that TLS would wait for the rest of. */
function isWholeRecord(bytes: Buffer): boolean {
  if (bytes[0] !== HANDSHAKE_RECORD) return true;
  if (bytes.length < RECORD_HEAD_BYTES) return false;
  const length = bytes.readUInt16BE(3);
  return length > MAX_RECORD_BYTES || bytes.length >= RECORD_HEAD_BYTES + length;
}
