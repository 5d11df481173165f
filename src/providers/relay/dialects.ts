import { TunneldError } from '../../core/errors.ts';
import { ForeignEndpointError } from '../../relay/agent/foreign-endpoint.ts';
import type { TunnelSession } from '../provider.ts';

/** Which protocol a relay speaks: ours, or that of mcp-tunnel and mcpr. */
export type Dialect = 'tunneld' | 'mcp-tunnel';

export type Openers = Readonly<Record<Dialect, () => Promise<TunnelSession>>>;

/**
 * Finds out which protocol a relay speaks by speaking it. Only an accepted link counts: an error page
 * of a proxy proves nothing, and must not keep a tunnel on the poorer protocol. What was found is
 * merely tried first the next time, so that a relay which was replaced by the other kind is found again.
 */
export class Dialects {
  #last: Dialect = 'tunneld';
  /** The last one was spoken with it. */
  #spoken = false;
  /** In a row, of a relay that was spoken with before. */
  #silences = 0;

  /** @throws whatever the opener of the dialect that was understood throws, or `RELAY_UNREACHABLE`, `NOT_A_RELAY` */
  async open(openers: Openers): Promise<TunnelSession> {
    const refusals: ForeignEndpointError[] = [];
    for (const dialect of this.#last === 'tunneld' ? OURS_FIRST : OTHERS_FIRST) {
      try {
        const session = await openers[dialect]();
        this.#last = dialect;
        this.#spoken = true;
        this.#silences = 0;
        return session;
      } catch (error) {
        if (!(error instanceof ForeignEndpointError)) throw error;
        refusals.push(error);
        // A relay that is busy (all its agents are back at once) is silent in any protocol.
        if (error.silent && this.#spoken && dialect === this.#last && this.#silences++ < MOST_SILENCES) {
          throw noDialect(refusals);
        }
      }
    }
    this.#last = 'tunneld';
    this.#spoken = false;
    throw noDialect(refusals);
  }
}

/** After so many the relay may have been replaced by one of the other kind. */
const MOST_SILENCES = 3;

const OURS_FIRST = ['tunneld', 'mcp-tunnel'] as const;
const OTHERS_FIRST = ['mcp-tunnel', 'tunneld'] as const;

function noDialect(refusals: readonly ForeignEndpointError[]): TunneldError {
  const unreachable = refusals.find(({ code }) => code === 'RELAY_UNREACHABLE');
  const details = refusals.map(({ detail }) => detail).join('; ');
  return new TunneldError(
    unreachable === undefined ? 'NOT_A_RELAY' : 'RELAY_UNREACHABLE',
    `${refusals[0]?.host ?? 'The relay'} did not open a link (${details})`,
  );
}
