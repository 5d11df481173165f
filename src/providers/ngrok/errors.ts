import { errorTable } from '../../core/errors.ts';
import type { ErrorRow } from '../../core/shared-errors.ts';

/** Failures that only ngrok has. See `SHARED_ERRORS`. */
export const NGROK_ERRORS = errorTable({
  NGROK_OPTION_INVALID: {
    retryable: false,
    exitCode: 2,
    summary: 'An option for ngrok is missing or not usable.',
    remedy: 'Correct the option; docs/providers.md lists them with their forms.',
  },
  NGROK_UNREACHABLE: {
    retryable: true,
    exitCode: 1,
    summary: 'The ngrok service could not be reached.',
    remedy: 'Check outbound access to connect.ngrok-agent.com on port 443; tunneld keeps trying.',
  },
  NGROK_BUSY: {
    retryable: true,
    exitCode: 1,
    summary: 'The ngrok service still believes in an earlier session, perhaps our own.',
    remedy: 'Wait: tunneld tries again for two minutes, then says what prevents it.',
  },
  NGROK_ENDPOINT_TAKEN: {
    retryable: false,
    exitCode: 1,
    summary: 'Another agent holds the domain at ngrok.',
    remedy:
      'End that agent, choose another domain, or share it with `ngrok.pooling`; then `tunneld restart`.',
  },
  NGROK_LIMIT: {
    retryable: false,
    exitCode: 1,
    summary: 'A limit of the ngrok account is reached.',
    remedy: 'Take another tunnel of the account down, or use another plan; then `tunneld restart`.',
  },
  NGROK_RATE_LIMIT: {
    retryable: true,
    exitCode: 1,
    summary: 'The ngrok service asks for patience: too much in too short a time.',
    remedy: 'Nothing to do: tunneld waits a minute and tries again.',
  },
  NGROK_ACCOUNT: {
    retryable: false,
    exitCode: 1,
    summary: 'The ngrok account may not do this.',
    remedy: 'Look at the account on https://dashboard.ngrok.com, then `tunneld restart`.',
  },
  NGROK_VERSION: {
    retryable: false,
    exitCode: 1,
    summary: 'The ngrok service does not understand, or no longer supports, this version.',
    remedy: 'Update tunneld.',
  },
  NGROK_STOPPED: {
    retryable: false,
    exitCode: 1,
    summary: 'Somebody stopped the session from the ngrok dashboard.',
    remedy: 'Run `tunneld restart` when it shall come back.',
  },
  NGROK_SDK_UNUSABLE: {
    retryable: false,
    exitCode: 1,
    summary: 'The SDK of ngrok does not work on this machine.',
    remedy:
      'Install tunneld again with its optional dependencies; ngrok publishes no SDK for some platforms.',
  },
  NGROK_FAILED: {
    retryable: true,
    exitCode: 1,
    summary: 'The ngrok service or its agent process failed in a way there is no better name for.',
    remedy: 'Read what it said; tunneld keeps trying.',
  },
});

declare module '../../core/errors.ts' {
  interface ErrorCodes extends Record<keyof typeof NGROK_ERRORS, ErrorRow> {}
}
