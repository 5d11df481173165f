import { connect } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';

/** A port that is there takes a connection sooner (milliseconds). */
const LIMIT_MS = 2_000;

/** Failures before a connection stood: they are over once one stands. */
const UNCONNECTED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'ETIMEDOUT',
]);

export function isUnconnected(failure: unknown): boolean {
  const cause = failure instanceof TunneldError ? failure.cause : undefined;
  return cause instanceof Error && 'code' in cause && UNCONNECTED.has(String(cause.code));
}

/** Whether the port of a relay takes connections: its name resolves by then, too. Never rejects. */
export function answers(relayUrl: URL, clock: Clock): Promise<boolean> {
  const secure = relayUrl.protocol === 'https:' || relayUrl.protocol === 'wss:';
  const host = relayUrl.hostname.replace(/^\[|\]$/g, '');
  const port = Number(relayUrl.port) || (secure ? 443 : 80);
  return new Promise((resolve) => {
    const settle = (there: boolean) => {
      timer.cancel();
      socket.destroy();
      resolve(there);
    };
    const timer = clock.setTimer(() => settle(false), LIMIT_MS);
    const socket = connect({ host, port });
    socket.once('connect', () => settle(true));
    socket.on('error', () => settle(false));
  });
}
