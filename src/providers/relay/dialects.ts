import { TunneldError } from '../../core/errors.ts';
import { mcpTunnelAgent } from '../../mcp-tunnel/agent/dialect.ts';
import type { AgentDialect } from '../../relay/agent/dialect.ts';
import { ForeignEndpointError } from '../../relay/agent/foreign-endpoint.ts';
import type { TunnelSession } from '../provider.ts';

/** The protocols besides our own in which a relay may be spoken to, one line each. */
export const OTHER_DIALECTS: readonly AgentDialect[] = [
  mcpTunnelAgent, //
];

/** Opens a session in one protocol. */
export type Opener = () => Promise<TunnelSession>;

/**
 * Finds out which protocol a relay speaks by speaking it. Only an accepted link counts: an error page
 * of a proxy proves nothing, and must not keep a tunnel on a poorer protocol. What was found is merely
 * tried first the next time, so that a relay which was replaced by one of another kind is found again.
 */
export class Dialects {
  /** The place of the last one that was understood. */
  #last = 0;
  /** The last one was spoken with it. */
  #spoken = false;
  /** In a row, of a relay that was spoken with before. */
  #silences = 0;

  /**
   * @param openers the same dialects in the same order at every call, ours first
   * @throws whatever the opener of the dialect that was understood throws, or `RELAY_UNREACHABLE`, `NOT_A_RELAY`
   */
  async open(openers: readonly Opener[]): Promise<TunnelSession> {
    const refusals: ForeignEndpointError[] = [];
    const last = this.#last;
    const lastFirst = [...openers.entries()].sort(([a], [b]) => Number(b === last) - Number(a === last));
    for (const [place, open] of lastFirst) {
      try {
        const session = await open();
        this.#last = place;
        this.#spoken = true;
        this.#silences = 0;
        return session;
      } catch (error) {
        if (!(error instanceof ForeignEndpointError)) throw error;
        refusals.push(error);
        // A relay that is busy (all its agents are back at once) is silent in any protocol.
        if (error.silent && this.#spoken && place === last && this.#silences++ < MOST_SILENCES) {
          throw noDialect(refusals);
        }
      }
    }
    this.#last = 0;
    this.#spoken = false;
    throw noDialect(refusals);
  }
}

/** After so many the relay may have been replaced by one of another kind. */
const MOST_SILENCES = 3;

function noDialect(refusals: readonly ForeignEndpointError[]): TunneldError {
  const unreachable = refusals.find(({ code }) => code === 'RELAY_UNREACHABLE');
  const details = refusals.map(({ detail }) => detail).join('; ');
  return new TunneldError(
    unreachable === undefined ? 'NOT_A_RELAY' : 'RELAY_UNREACHABLE',
    `${refusals[0]?.host ?? 'The relay'} did not open a link (${details})`,
  );
}
