import type { Finding } from './probe-result.ts';

export type FailureKind =
  | 'refused'
  | 'unreachable'
  | 'reset'
  | 'not-http'
  | 'bad-http'
  | 'tls-record'
  | 'tls-mismatch'
  | 'tls-untrusted'
  | 'name'
  | MachineFinding;

/** What this machine itself lacks. Never the fault of the other end. */
export type MachineFinding = 'no-descriptors' | 'no-memory' | 'no-ports' | 'not-permitted' | 'no-dns';

const OF_THIS_MACHINE: Readonly<Record<string, MachineFinding>> = {
  EMFILE: 'no-descriptors',
  ENFILE: 'no-descriptors',
  ENOBUFS: 'no-memory',
  ENOMEM: 'no-memory',
  EADDRNOTAVAIL: 'no-ports',
  EAGAIN: 'no-ports',
  // A firewall of this machine, or a sandbox around us.
  EPERM: 'not-permitted',
  EACCES: 'not-permitted',
  // No name server answers; one that knows no such name says ENOTFOUND.
  EAI_AGAIN: 'no-dns',
  ETIMEOUT: 'no-dns',
};

/** The finding for a code that only this machine can be blamed for. */
export function machineFinding(code: string): MachineFinding | undefined {
  return OF_THIS_MACHINE[code];
}

/**
 * Sorts why there was no answer.
 *
 * @param code of the system, of TLS, or the parser's word
 * @param protocol something answered, and the parser refused it
 */
export function failureKind(code: string, protocol = false): FailureKind {
  const machine = machineFinding(code);
  if (machine !== undefined) return machine;
  if (code === 'not-http' || code === 'tls-record') return code;
  if (protocol) return 'bad-http';
  // The server that listens makes the file of a Unix socket.
  if (code === 'ECONNREFUSED' || code === 'ENOENT') return 'refused';
  if (code === 'ENOTFOUND') return 'name';
  if (isTlsMismatch(code)) return 'tls-mismatch';
  if (isCertificate(code)) return 'tls-untrusted';
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'connection-closed') return 'reset';
  return 'unreachable';
}

function isTlsMismatch(code: string): boolean {
  // What a handshake meets that was under way when the other side said something else.
  if (code === 'EPROTO') return true;
  return /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|TLSV1_ALERT|RECORD_LAYER)/.test(
    code,
  );
}

/** OpenSSL's words for a certificate that is expired, not valid yet, for another host, or not trusted. */
export function isCertificate(code: string): boolean {
  return /CERT|SELF_SIGNED|ERR_TLS_|UNABLE_TO_|INVALID_PURPOSE|HOSTNAME_MISMATCH/.test(code);
}

/** A stable word for logs: the system's or the library's code. */
export function codeOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown';
  if ('code' in cause && typeof cause.code === 'string') return cause.code;
  // Happy eyeballs wraps one error per address.
  if (cause instanceof AggregateError && cause.errors.length > 0) return codeOf(cause.errors[0]);
  return cause.cause === undefined ? cause.name : codeOf(cause.cause);
}

/** What a failure means on the local leg, where the culprit can only be the server or this machine. */
export const LOCAL_FINDINGS = {
  refused: 'refused',
  unreachable: 'unreachable',
  name: 'unreachable',
  reset: 'hung-up',
  'not-http': 'not-http',
  'bad-http': 'bad-http',
  'tls-record': 'tls-expected',
  'tls-mismatch': 'tls-unexpected',
  'tls-untrusted': 'tls-untrusted',
  'no-descriptors': 'no-descriptors',
  'no-memory': 'no-memory',
  'no-ports': 'no-ports',
  'not-permitted': 'not-permitted',
  'no-dns': 'no-dns',
} as const satisfies Record<FailureKind, Finding>;
