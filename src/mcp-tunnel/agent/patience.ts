/** What a slow line, or a relay with a slow reader, is taken to move at least (bytes a second). */
const SLOWEST = 65_536;
const DEAD_AFTER_MS = 15_000;
const MAX_PATIENCE_MS = 60_000;

/**
 * How long silence means nothing yet. These relays say nothing by themselves, and answer a ping only
 * once they have read everything that was sent before it; of the second generation they stop reading
 * altogether while one visitor reads slowly.
 *
 * @param unreadBytes sent, and not known to be read by the relay
 */
export function patienceMs(unreadBytes: number): number {
  return Math.min(MAX_PATIENCE_MS, DEAD_AFTER_MS + (unreadBytes / SLOWEST) * 1_000);
}
