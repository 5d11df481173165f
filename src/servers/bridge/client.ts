import type { TunneldError } from '../../core/errors.ts';
import type { RpcMessage } from './rpc.ts';

/** One client of the bridge, as the server's side sees it. */
export interface Client {
  /** A message of the server for this client. @param text the same, in one line */
  deliver(message: RpcMessage, text: string): void;
  /** The server is gone, or the client was told to go: nothing more comes. Idempotent. */
  end(why: TunneldError): void;
}

/** The server, as one client sees it. */
export interface Peer {
  /** @param text the message in one line */
  send(message: RpcMessage, text: string): void;
  /** Bytes that the server has not taken yet. */
  readonly backlog: number;
  /** The client left. Idempotent. */
  leave(): void;
}

/** Gives each client its server. */
export interface PeerSource {
  /** @throws {TunneldError} why there is none; then nothing of it is left */
  connect(client: Client): Promise<Peer>;
}
