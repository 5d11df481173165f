/** Who may call a tunnel, as its agent tells the relay: hashes, never tokens. */
export interface EdgeAccess {
  readonly tokens: readonly EdgeToken[];
  /** `?token=` counts too. */
  readonly query: boolean;
  /** Pages of some origins may call: their preflights, which hold no token, go to the gateway. */
  readonly preflight: boolean;
  /** Those origins: their pages may read what the relay refuses. */
  readonly origins?: readonly string[];
}

export interface EdgeToken {
  readonly sha256: string;
  /** Not valid after this long (milliseconds): the two clocks need not agree. */
  readonly validForMs?: number;
}
