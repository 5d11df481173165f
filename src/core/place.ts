import { isIPv6 } from 'node:net';

/** Where a server is dialled: a TCP address, or a Unix socket of this machine. */
export interface ServerPlace {
  /** An IPv6 address has no brackets. Of a Unix socket: `localhost`, which is what the server is told. */
  readonly host: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** Dialled in place of host and port. */
  readonly socketPath?: string;
}

/** `127.0.0.1:3845`, `[::1]:3845`, `unix:/run/files.sock` */
export function placeText({ host, port, socketPath }: ServerPlace): string {
  if (socketPath !== undefined) return `unix:${socketPath}`;
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
