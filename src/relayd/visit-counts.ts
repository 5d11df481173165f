import type { Visit } from '../relay/edge/observed-exchange.ts';

/** What passed since the start. Bounded: nothing a visitor says becomes a key. */
export class VisitCounts {
  readonly byClass = new Map<string, number>();
  readonly byReason = new Map<string, number>();
  responseBytes = 0;

  note({ status, reason, responseBytes }: Visit): void {
    increment(this.byClass, status === 0 ? 'none' : `${Math.floor(status / 100)}xx`);
    // The relay's own words, of which there are few.
    if (reason !== undefined) increment(this.byReason, reason);
    this.responseBytes += responseBytes;
  }

  /** What never became a request counts among the refusals all the same: most of an attack is that. */
  noteRefused({ status, reason }: { readonly status: number; readonly reason: string }): void {
    increment(this.byClass, `${Math.floor(status / 100)}xx`);
    increment(this.byReason, reason);
  }
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
