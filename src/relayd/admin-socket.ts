import { chmodSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { TunneldError } from '../core/errors.ts';

/**
 * Listens on a Unix socket that only this user may open. One that a killed relay left behind is
 * replaced; one that is answered is not.
 *
 * @throws {TunneldError} `SOCKET_UNUSABLE`
 */
export async function listenOnSocket(app: FastifyInstance, path: string): Promise<void> {
  const remedy = 'Choose another path with --admin-socket, in a folder that the relay may write.';
  if (await isAnswered(path)) {
    throw new TunneldError('SOCKET_UNUSABLE', `Somebody else listens on ${path}`, { remedy });
  }
  // Nobody else may get hold of it between its making and its mode.
  const mask = process.umask(0o177);
  try {
    removeStale(path);
    await app.listen({ path });
    chmodSync(path, 0o600);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TunneldError('SOCKET_UNUSABLE', `${path} cannot be listened on: ${reason}`, { cause, remedy });
  } finally {
    process.umask(mask);
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function removeStale(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
