import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { messageOf } from '../core/error-message.ts';
import { TunneldError } from '../core/errors.ts';
import { tryConnect } from '../core/try-connect.ts';

/**
 * Listens on a Unix socket that only this user may open. One that a killed relay left behind is
 * replaced; one that is answered is not, nor anything else.
 *
 * @throws {TunneldError} `SOCKET_UNUSABLE`
 */
export async function listenOnSocket(app: FastifyInstance, path: string): Promise<void> {
  const remedy = 'Choose another path with --admin-socket, in a folder that the relay may write.';
  const inTheWay = await obstacleAt(path);
  if (inTheWay !== undefined) throw new TunneldError('SOCKET_UNUSABLE', inTheWay, { remedy });
  // No other user may connect between the creation of the socket and the change of its mode.
  const mask = process.umask(0o177);
  try {
    removeStale(path);
    await app.listen({ path });
    chmodSync(path, 0o600);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new TunneldError('SOCKET_UNUSABLE', `${path} cannot be listened on: ${reason}`, { cause, remedy });
  } finally {
    process.umask(mask);
  }
}

/** Why the path must not be replaced; undefined when it may be. */
async function obstacleAt(path: string): Promise<string | undefined> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  if (!found.isSocket()) return `${path} is in the way: it is not a socket`;
  const answer = await tryConnect(path);
  if (answer === 'connected') return `Another program listens on ${path}`;
  // Only a refused connection proves that no process listens.
  if (answer === 'ECONNREFUSED' || answer === 'ENOENT') return undefined;
  return `${path} exists and cannot be connected to (${answer})`;
}

function removeStale(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
