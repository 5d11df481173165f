import type { IncomingMessage } from 'node:http';
import { messageOf } from '../core/error-message.ts';
import { type ErrorCode, isErrorCode, TunneldError } from '../core/errors.ts';
import { parseJson } from '../core/parse-json.ts';
import { PROTOCOL_VERSION } from './api.ts';
import { type ErrorBody, PROTOCOL_HEADER } from './routes.ts';

/** What an answer other than 200 means. */
export function errorFromDaemon(response: IncomingMessage, text: string): TunneldError {
  const { error } = parseErrorBody(text);
  const theirs = response.headers[PROTOCOL_HEADER];
  if (error === undefined || (error.code === undefined && theirs === undefined)) {
    return new TunneldError(
      'PROTOCOL_MISMATCH',
      `What answers on the control socket speaks control protocol ${theirs ?? 'unknown'}, and this command ${PROTOCOL_VERSION}`,
    );
  }
  const { code, message, remedy, mistakes, exitCode, retryable } = error;
  if (code === undefined) return new TunneldError('DAEMON_FAILED', `The daemon failed: ${message}`);
  // The daemon knows codes this command does not: of a provider, or of a newer version.
  const told = exitCode !== undefined && retryable !== undefined && remedy !== undefined;
  if (!told && !isErrorCode(code)) {
    return new TunneldError('DAEMON_FAILED', `${message} (${code})`, remedy === undefined ? {} : { remedy });
  }
  return new TunneldError(code as ErrorCode, message, {
    ...(told ? { row: { exitCode, retryable, remedy } } : {}),
    ...(remedy === undefined ? {} : { remedy }),
    ...(mistakes === undefined ? {} : { mistakes }),
  });
}

/** A daemon from before events began with the list of tunnels. */
export function otherEvents(): TunneldError {
  return new TunneldError(
    'PROTOCOL_MISMATCH',
    'The daemon is older than this command, and its events differ',
  );
}

/** No daemon listens, in contrast to one that fails to answer. */
export function isAbsence(error: unknown): boolean {
  return ['ENOENT', 'ECONNREFUSED'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** A daemon that is there all the same. @param what it does not do */
export function silence(owner: { readonly pid: number } | undefined, what: string): TunneldError {
  if (owner === undefined) return new TunneldError('DAEMON_SILENT', `The daemon ${what}`);
  return new TunneldError('DAEMON_SILENT', `The daemon (pid ${owner.pid}) ${what}`, {
    remedy: `Wait a moment and try again. \`tunneld daemon stop\` ends it; \`kill -9 ${owner.pid}\` if that does not.`,
  });
}

/** Why the socket could not be talked to, in words. */
export function unreachable(cause: unknown, socket: string): TunneldError {
  const code = (cause as NodeJS.ErrnoException).code;
  switch (code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new TunneldError('DAEMON_UNREACHABLE', `No daemon is running (nothing answers on ${socket})`, {
        cause,
      });
    case 'EACCES':
    case 'EPERM':
      return new TunneldError(
        'DAEMON_UNREACHABLE',
        `You may not open ${socket}: the daemon is another user's`,
        {
          cause,
          remedy: 'Run the command as the user who started the daemon, or start one of your own.',
        },
      );
    default: {
      const reason = messageOf(cause);
      return new TunneldError('DAEMON_UNREACHABLE', `The connection to the daemon broke: ${reason}`, {
        cause,
      });
    }
  }
}

function parseErrorBody(text: string): Partial<ErrorBody> {
  const body = parseJson(text);
  return isErrorBody(body) ? body : {};
}

function isErrorBody(body: unknown): body is ErrorBody {
  const error = (body as Partial<ErrorBody> | null)?.error;
  return typeof error?.message === 'string';
}
