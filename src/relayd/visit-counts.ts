import type { Visit } from '../relay/edge/observed-exchange.ts';

/** Counts since the start. Bounded: nothing that a visitor sends becomes a key. */
export class VisitCounts {
  readonly byClass = new Map<string, number>();
  readonly byReason = new Map<string, number>();
  responseBytes = 0;

  note({ status, reason, responseBytes }: Visit): void {
    increment(this.byClass, status === 0 ? 'none' : `${Math.floor(status / 100)}xx`);
    // Reasons are the relay's own words, so there are few.
    if (reason !== undefined) increment(this.byReason, reason);
    this.responseBytes += responseBytes;
  }

  /** Connections that were refused before a request count as refusals too: an attack consists mostly of them. */
  noteRefused({ status, reason }: { readonly status: number; readonly reason: string }): void {
    increment(this.byClass, `${Math.floor(status / 100)}xx`);
    increment(this.byReason, reason);
  }
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
