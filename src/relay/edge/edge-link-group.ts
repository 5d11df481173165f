import type { Exchange } from '../../core/exchange.ts';
import type { GoawayReason } from '../link/link-error.ts';
import type { EdgeLink } from './edge-link.ts';

/** Several links of one agent that serve a name together, over connections of their own. */
export class EdgeLinkGroup implements EdgeLink {
  readonly id: string;
  readonly dialect: string;
  readonly returns: boolean;
  readonly #members = new Set<EdgeLink>();
  constructor(id: string, first: EdgeLink) {
    this.id = id;
    this.dialect = first.dialect;
    this.returns = first.returns;
    this.#members.add(first);
  }

  get size(): number {
    return this.#members.size;
  }

  get leaving(): boolean {
    for (const member of this.#members) if (!member.leaving) return false;
    return true;
  }

  get active(): number {
    let active = 0;
    for (const member of this.#members) active += member.active;
    return active;
  }

  has(link: EdgeLink): boolean {
    return this.#members.has(link);
  }

  add(link: EdgeLink): void {
    this.#members.add(link);
  }

  /** Nothing new goes to `link` any more. */
  remove(link: EdgeLink): void {
    this.#members.delete(link);
  }

  /** To whichever has the least in flight; to one that was told to go while there is no other. */
  forward(exchange: Exchange, target: string): void {
    let best: EdgeLink | undefined;
    const allLeave = this.leaving;
    for (const member of this.#members) {
      if (!allLeave && member.leaving) continue;
      if (best === undefined || member.active < best.active) best = member;
    }
    best?.forward(exchange, target);
  }

  goaway(reason: GoawayReason, detail: string): void {
    for (const member of this.#members) member.goaway(reason, detail);
  }

  whenIdle(callback: () => void): void {
    let busy = this.#members.size;
    for (const member of this.#members) {
      member.whenIdle(() => {
        busy -= 1;
        if (busy === 0) callback();
      });
    }
  }

  close(reason: GoawayReason, detail: string): void {
    for (const member of [...this.#members]) member.close(reason, detail);
  }

  end(reason: GoawayReason): void {
    for (const member of [...this.#members]) member.end(reason);
  }
}
