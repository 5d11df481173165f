import { type ErrorCode, isErrorCode, TunneldError } from '../core/errors.ts';
import { stateWord, troubleOf } from '../core/readiness.ts';
import type { LegReport, TunnelStatus } from '../core/status.ts';
import { ExitCode } from './command.ts';
import type { CliIo } from './io.ts';
import { knowErrorsOf } from './provider-errors.ts';
import { describeFailure } from './render/failure.ts';
import { failureLine } from './render/failure-json.ts';
import { typedRemedy } from './render/remedy.ts';
import type { Settled } from './settle.ts';

/**
 * Says of every tunnel that does not serve which leg failed, why, and what to do.
 *
 * @param json as one line of JSON each: standard output has the answer of the verb
 * @returns the exit code: that of the first one, or 0 when all serve
 */
export async function reportUnsettled(
  all: readonly Settled[],
  waitMs: number,
  io: CliIo,
  json = false,
): Promise<number> {
  await knowErrorsOf(all.map(({ status }) => status));
  const failures = all.flatMap((settled) =>
    settled.outcome === 'serving' ? [] : [failureOf(settled, waitMs)],
  );
  for (const failure of failures) {
    for (const line of json ? [failureLine(failure)] : describeFailure(failure, io.size().columns).lines)
      io.err(line);
  }
  return failures[0]?.exitCode ?? ExitCode.ok;
}

function failureOf({ outcome, status }: Settled, waitMs: number): TunneldError {
  const { name, health, lastError } = status;
  if (outcome === 'timeout') {
    return withTrouble(
      'WAIT_TIMED_OUT',
      `"${name}" was not healthy within ${waitMs / 1_000} s: ${situation(status)}`,
      status,
    );
  }
  if (status.desired === 'down') {
    return new TunneldError('TUNNEL_UNHEALTHY', `"${name}" was taken down while waiting for it`, {
      remedy: `Bring it up again with \`tunneld up ${name}\`.`,
    });
  }
  if (status.state !== 'up' && lastError !== undefined) {
    const code = isErrorCode(lastError.code) ? lastError.code : 'TUNNEL_UNHEALTHY';
    const what = status.state === 'failed' ? 'has failed' : 'does not open yet';
    return new TunneldError(code, `"${name}" ${what}: ${lastError.message}`, {
      remedy: typedRemedy(lastError.remedy, name),
    });
  }
  return withTrouble('TUNNEL_UNHEALTHY', `"${name}" is kept, but does not serve: ${health.verdict}`, status);
}

function withTrouble(code: ErrorCode, message: string, status: TunnelStatus): TunneldError {
  const trouble = troubleOf(status);
  const evidence = [legEvidence('local', status.health.local), legEvidence('public', status.health.public)];
  const cause = [trouble?.why ?? '', ...evidence].filter((line) => line !== '').join('\n');
  const remedy = typedRemedy(trouble?.fix ?? '', status.name);
  return new TunneldError(code, message, {
    ...(cause === '' ? {} : { cause }),
    ...(remedy === '' ? {} : { remedy }),
  });
}

function situation(status: TunnelStatus): string {
  return status.state === 'up' ? `up, but ${status.health.verdict}` : stateWord(status);
}

function legEvidence(leg: 'local' | 'public', report: LegReport | undefined): string {
  return report === undefined || report.ok ? '' : `${leg} leg: ${report.finding}: ${report.detail}`;
}
