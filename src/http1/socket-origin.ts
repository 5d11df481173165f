import type { Socket } from 'node:net';

/** What a PROXY header said of a connection. */
export interface SocketOrigin {
  /** The proxy's own address when it named no caller. */
  readonly address: string;
  /** The proxy named the caller. */
  readonly named: boolean;
}

const ORIGINS = new WeakMap<Socket, SocketOrigin>();

export function setOrigin(socket: Socket, origin: SocketOrigin): void {
  ORIGINS.set(socket, origin);
}

/** Undefined: the socket is the caller's own connection, as far as we know. */
export function originOf(socket: Socket): SocketOrigin | undefined {
  return ORIGINS.get(socket);
}

/** Who is calling. An IPv4 caller of a dual-stack listener is shown as what it is. */
export function addressOf(socket: Socket): string {
  return plain(ORIGINS.get(socket)?.address ?? socket.remoteAddress ?? '');
}

/** The address at the other end of the wire: the caller, or a proxy that speaks for it. */
export function wireAddressOf(socket: Socket): string {
  return plain(socket.remoteAddress ?? '');
}

function plain(address: string): string {
  return address.replace(/^::ffff:(?=[\d.]+$)/, '');
}
