import { messageOf } from '../../core/error-message.ts';
import { type ErrorCode, TunneldError } from '../../core/errors.ts';
import { describeAddress, type EngineAddress } from './engine-address.ts';
import './errors.ts';

const NO_ANSWER = new Set([
  'ENOENT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** HTTP status of the engine's answer, if it answered. */
export function engineStatus(error: unknown): number | undefined {
  if (error instanceof TunneldError) return engineStatus(error.cause);
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' ? status : undefined;
}

/** Our error for whatever a call to the engine failed with; ours already pass unchanged. */
export function engineError(error: unknown, what: string, address: EngineAddress): TunneldError {
  if (error instanceof TunneldError) return error;
  const where = describeAddress(address);
  const status = engineStatus(error);
  if (status !== undefined) {
    const message = `The engine at ${where} could not ${what}: ${engineMessage(error)}`;
    // Only the status: what the client library attaches to its errors may quote the container's arguments.
    return new TunneldError('ENGINE_FAILED', message, {
      cause: Object.assign(new Error(`HTTP ${status}`), { statusCode: status }),
    });
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const silent = error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError');
  if (code === 'EACCES' || code === 'EPERM') {
    return unreachable('ENGINE_PERMISSION', `No permission to use the engine at ${where}.`);
  }
  if (silent) return unreachable('ENGINE_UNREACHABLE', `The engine at ${where} does not answer (${what}).`);
  const why = NO_ANSWER.has(code) ? code : engineMessage(error);
  return unreachable('ENGINE_UNREACHABLE', `No engine answers at ${where}: ${why}.`);
}

/** What the engine said, without the client library's wrapping. */
export function engineMessage(error: unknown): string {
  const json = error instanceof Error && 'json' in error ? error.json : undefined;
  const said =
    typeof json === 'object' && json !== null && 'message' in json && typeof json.message === 'string'
      ? json.message
      : messageOf(error);
  return said
    .replace(/^\(HTTP code \d+\) [a-z ]+ - /, '')
    .trim()
    .slice(0, 400);
}

function unreachable(code: ErrorCode, message: string): TunneldError {
  return new TunneldError(code, message);
}
