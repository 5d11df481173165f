import type { ErrorCode } from '../../core/errors.ts';

export interface KnownText {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly says: string;
  readonly remedy?: string;
}

/**
 * What Pinggy's edge and OpenSSH print when something is wrong, most telling first: `ssh` exits
 * with 255 whatever happened, so only the text says why.
 *
 * Only lines of the start are read with this table. Later lines hold text of visitors.
 */
const KNOWN_TEXTS: readonly KnownText[] = [
  {
    pattern: /tunnel with the same token .*already active/i,
    code: 'PINGGY_TOKEN_ACTIVE',
    says: 'Pinggy says a tunnel with the same token is already active.',
  },
  {
    pattern: /Login is not allowed/i,
    code: 'CREDENTIAL_REJECTED',
    says: 'Pinggy does not allow this login.',
    remedy: 'Check the Pinggy token on the dashboard, then `tunneld restart`.',
  },
  {
    pattern: /Permission denied \(/,
    code: 'CREDENTIAL_REJECTED',
    says: 'Pinggy refused the login (permission denied).',
    remedy: 'Check the Pinggy token on the dashboard, then `tunneld restart`.',
  },
  {
    pattern:
      /REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed|No .* host key is known for/,
    code: 'PINGGY_HOST_KEY',
    says: 'The host key of the Pinggy edge is not an expected one.',
  },
  {
    pattern: /EROFS|read-only file system/i,
    code: 'PINGGY_EXITED',
    says: 'The client in the image wants to write where it may not.',
    remedy: 'Set `pinggy.readOnlyRoot: false` for the tunnel in tunneld.yaml, or use another image.',
  },
  {
    pattern: /remote port forwarding failed/i,
    code: 'PINGGY_FORWARD_REFUSED',
    says: 'Pinggy refused the remote forwarding.',
  },
  {
    pattern:
      /cannot listen to port: \d+|Could not request local forwarding|bind \[[^\]]*\]:\d+: Address already in use/,
    code: 'PORT_IN_USE',
    says: 'The port of the web debugger is taken.',
    remedy: 'Let tunneld choose a free port (leave out `pinggy.debuggerPort`), or set another.',
  },
  {
    pattern:
      /^ssh: (?:connect to host|Could not resolve hostname)|^kex_exchange_identification|^Connection (?:closed|reset) by .* port \d+/,
    code: 'PINGGY_UNREACHABLE',
    says: 'Pinggy could not be reached.',
  },
];

/** A client that prints one of these may go on for ever without a tunnel; no need to wait for it. */
const FINAL = new Set<ErrorCode>([
  'PINGGY_TOKEN_ACTIVE',
  'CREDENTIAL_REJECTED',
  'PINGGY_HOST_KEY',
  'PINGGY_FORWARD_REFUSED',
  'PORT_IN_USE',
]);

/** As `recognise`, but only what needs no exit to be certain. */
export function recogniseFinal(lines: readonly string[]): KnownText | undefined {
  const text = recognise(lines);
  return text !== undefined && FINAL.has(text.code) ? text : undefined;
}

/** The first entry of the table that any of the lines matches. */
export function recognise(lines: readonly string[]): KnownText | undefined {
  return KNOWN_TEXTS.find(({ pattern }) => lines.some((line) => pattern.test(line)));
}
