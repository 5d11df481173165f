import type { Clock } from '../core/clock.ts';
import type { RequestHead } from '../core/exchange.ts';
import { findToken } from './carriers.ts';
import type { EdgeAccess, EdgeToken } from './edge-access.ts';
import { isPreflight } from './preflight.ts';
import { type AccessToken, TokenTable } from './token-table.ts';

export type EdgeVerdict = 'pass' | 'no-token' | 'wrong-token';

/** Turns strangers away before they cost the agent anything. The gateway checks again. */
export class EdgeGuard {
  readonly #clock: Clock;
  readonly #table: TokenTable;
  #access: EdgeAccess | undefined;

  /** @param access absent when the agent said nothing: then its gateway alone decides */
  constructor(access: EdgeAccess | undefined, clock: Clock) {
    this.#clock = clock;
    this.#table = new TokenTable(clock);
    if (access !== undefined) this.set(access);
  }

  set(access: EdgeAccess | undefined): void {
    this.#access = access;
    const now = this.#clock.now();
    const entry = ({ sha256, validForMs }: EdgeToken, index: number): AccessToken => ({
      id: String(index),
      sha256,
      ...(validForMs === undefined ? {} : { notAfter: now + validForMs }),
    });
    this.#table.set((access?.tokens ?? []).map(entry));
  }

  /** The agent said nothing of who may call: whoever knows the address reaches it. */
  get open(): boolean {
    return this.#access === undefined;
  }

  /** SHA-256 of the tokens that open the tunnel, hexadecimal. */
  get hashes(): readonly string[] {
    return (this.#access?.tokens ?? []).map(({ sha256 }) => sha256);
  }

  /** Origins whose pages may read a refusal; lower case. */
  get origins(): readonly string[] {
    return this.#access?.origins ?? [];
  }

  /** @param target what the gateway would be asked for: a secret path is looked for in it */
  judge(request: RequestHead, target: string): EdgeVerdict {
    const access = this.#access;
    if (access === undefined) return 'pass';
    if (access.preflight && isPreflight(request) && mayAsk(request, access.origins)) return 'pass';
    const asked = { target, get: (name: string) => request.get(name) };
    const found = findToken(asked, access.query, (value) => this.#table.verify(value) !== undefined);
    if (!('presented' in found)) return 'pass';
    return found.presented ? 'wrong-token' : 'no-token';
  }
}

/** An agent that did not say which pages may call decides about all of them itself. */
function mayAsk(request: RequestHead, origins: readonly string[] | undefined): boolean {
  return origins === undefined || origins.includes(request.get('origin')?.toLowerCase() ?? '');
}
