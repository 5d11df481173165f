import type { Finding } from './sighting.ts';

export type FailureKind = 'refused' | 'unreachable' | 'reset' | 'not-http' | 'tls-mismatch' | 'tls-untrusted';

/** Sorts what the network threw before a response head came. */
export function failureKind(cause: unknown): FailureKind {
  const code = codeOf(cause);
  if (code === 'ECONNREFUSED') return 'refused';
  // Some of undici's parser errors have a code, others only their name.
  if (code.startsWith('HPE_') || code === 'HTTPParserError') return 'not-http';
  if (/^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|TLSV1_ALERT)/.test(code)) {
    return 'tls-mismatch';
  }
  if (/CERT|SELF_SIGNED|ERR_TLS_|UNABLE_TO_/.test(code)) return 'tls-untrusted';
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET') return 'reset';
  return 'unreachable';
}

/** A stable word for logs: the system's or the library's code. */
export function codeOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown';
  if ('code' in cause && typeof cause.code === 'string') return cause.code;
  // Happy eyeballs wraps one error per address.
  if (cause instanceof AggregateError && cause.errors.length > 0) return codeOf(cause.errors[0]);
  return cause.cause === undefined ? cause.name : codeOf(cause.cause);
}

/** What a failure means on the local leg, where the culprit can only be the server. */
export const LOCAL_FINDINGS = {
  refused: 'refused',
  unreachable: 'unreachable',
  reset: 'hung-up',
  'not-http': 'not-http',
  'tls-mismatch': 'tls-unexpected',
  'tls-untrusted': 'tls-untrusted',
} as const satisfies Record<FailureKind, Finding>;
