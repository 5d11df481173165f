import type { GoawayReason } from '../../relay/link/link-error.ts';

/** Why a relay closes a connection, in the codes that mcp-tunnel's clients know. */
export const CloseCode = {
  /** Before the acknowledgement clients report any code as a failed authentication. */
  refused: 4001,
  /** The only one they treat in a special way afterwards. */
  evicted: 4002,
  goingAway: 1001,
  protocol: 1002,
} as const;

export const EVICTED_TEXT = 'evicted: another client registered with the same tunnel';

/** The close code of what our own protocol would say in a GOAWAY. */
export function closeCodeOf(reason: GoawayReason): number {
  switch (reason) {
    case 'superseded':
      return CloseCode.evicted;
    case 'credential':
    case 'nameTaken':
    case 'nameInvalid':
    case 'nameDenied':
      return CloseCode.refused;
    case 'protocol':
      return CloseCode.protocol;
    default:
      return CloseCode.goingAway;
  }
}
