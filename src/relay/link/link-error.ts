/** Why a link is ended or refused, as it travels in GOAWAY. Numbers are permanent. */
export const GoawayCode = {
  /** The sender closes on purpose. */
  closing: 0,
  /** The peer broke the protocol. */
  protocol: 1,
  credential: 2,
  nameTaken: 3,
  nameInvalid: 4,
  /** The same identity registered the name again; this link is the old one. */
  superseded: 5,
  /** No HELLO in time. */
  timeout: 6,
  /** No room for another link; try later. */
  overloaded: 7,
  /** The sender shuts down: finish what is in flight, then dial again. */
  draining: 8,
  /** The credential is valid, but not for this name. */
  nameDenied: 9,
  /** The operator of the relay ended the tunnel: do not dial again. */
  dismissed: 10,
  /** The operator of the relay keeps the name off for a time, which the explanation names. */
  suspended: 11,
  /** The agent would not take the name over from another one of the same identity, which serves it. */
  held: 12,
} as const;
export type GoawayReason = keyof typeof GoawayCode;

/** The link cannot go on. Ends it with a GOAWAY that says why. */
export class LinkError extends Error {
  override readonly name = 'LinkError';
  readonly reason: GoawayReason;

  constructor(reason: GoawayReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Longest explanation that travels (bytes); the rest is cut. */
const MAX_DETAIL_BYTES = 512;

/** GOAWAY payload: `u16 code | UTF-8 explanation`. */
export function encodeGoaway(reason: GoawayReason, detail: string): Buffer {
  const text = Buffer.from(detail).subarray(0, MAX_DETAIL_BYTES);
  const payload = Buffer.allocUnsafe(2 + text.length);
  payload.writeUInt16LE(GoawayCode[reason], 0);
  text.copy(payload, 2);
  return payload;
}

/** A code this version does not know reads as `closing`: the link ends either way. */
export function decodeGoaway(payload: Buffer): { reason: GoawayReason; detail: string } {
  const code = payload.length >= 2 ? payload.readUInt16LE(0) : GoawayCode.closing;
  const known = Object.entries(GoawayCode).find(([, value]) => value === code);
  return {
    reason: known === undefined ? 'closing' : (known[0] as GoawayReason),
    detail: printable(payload.subarray(2, 2 + MAX_DETAIL_BYTES).toString()),
  };
}

/** The peer's words end up in logs and on terminals. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?');
}
