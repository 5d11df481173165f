import { lstatSync, unlinkSync } from 'node:fs';
import { TunneldError } from '../core/errors.ts';
import { tryConnect } from '../core/try-connect.ts';

/**
 * Makes the path of the socket free: removes what a dead daemon left there, and nothing else.
 *
 * @throws {TunneldError} `DAEMON_ALREADY_RUNNING` when somebody answers, `SOCKET_UNUSABLE` when
 *   something that is not a dead socket is in the way.
 */
export async function claimSocket(path: string): Promise<void> {
  if (!isSocket(path)) return;
  const answer = await tryConnect(path);
  if (answer === 'connected') {
    throw new TunneldError('DAEMON_ALREADY_RUNNING', `A daemon answers on ${path}`);
  }
  if (answer === 'ENOENT') return;
  if (answer !== 'ECONNREFUSED') {
    throw new TunneldError('SOCKET_UNUSABLE', `${path} exists and cannot be connected to (${answer})`);
  }
  unlinkSync(path);
}

function isSocket(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (found.isSocket()) return true;
  throw new TunneldError('SOCKET_UNUSABLE', `${path} is in the way: it is not a socket`, {
    remedy: 'Remove it, or choose another folder with TUNNELD_RUNTIME_DIR.',
  });
}
