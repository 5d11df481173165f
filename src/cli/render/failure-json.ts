import { messageOf } from '../../core/error-message.ts';
import { type KeyMistake, TunneldError } from '../../core/errors.ts';
import { printableJson } from './printable.ts';

/** What a failed verb prints with `--json`: the one shape of all of them. */
interface FailureJson {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly remedy: string;
    /** What lies behind it, where the message does not say it already. */
    readonly cause?: string;
    /** The single mistakes of a configuration. */
    readonly mistakes?: readonly KeyMistake[];
  };
}

function failureJson(error: unknown): FailureJson {
  if (!(error instanceof TunneldError)) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { error: { code: 'INTERNAL', message, remedy: 'Report it: this is a bug in tunneld.' } };
  }
  const { code, message, remedy, cause, mistakes } = error;
  const why = cause === undefined ? '' : messageOf(cause);
  return {
    error: {
      code,
      message,
      remedy,
      ...(why === '' || message.includes(why) ? {} : { cause: why }),
      ...(mistakes.length === 0 ? {} : { mistakes }),
    },
  };
}

/** On one line, for where other lines of JSON may stand. */
export function failureLine(error: unknown): string {
  return printableJson(failureJson(error));
}

export function exitCodeOf(error: unknown): number {
  return error instanceof TunneldError ? error.exitCode : 1;
}
