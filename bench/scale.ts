/** How much of everything a run does. */
export interface Scale {
  readonly rounds: number;
  /** One measurement under load (milliseconds; whole seconds for wrk). */
  readonly cellMs: number;
  /** The same for bodies, of which some must get through whole. */
  readonly bulkMs: number;
  readonly small: readonly { readonly method: 'GET' | 'POST'; readonly connections: number }[];
  readonly sse: { readonly streams: number; readonly durationMs: number };
  readonly idleStreams: number;
  /** How long heads and the collector get before memory is read (milliseconds). */
  readonly settleMs: number;
  readonly startUps: number;
}

export const FULL: Scale = {
  rounds: 3,
  cellMs: 1_000,
  bulkMs: 3_000,
  small: (['GET', 'POST'] as const).flatMap((method) =>
    [1, 16, 64].map((connections) => ({ method, connections })),
  ),
  sse: { streams: 20, durationMs: 2_000 },
  idleStreams: 2_000,
  settleMs: 1_500,
  startUps: 21,
};

/** With as many connections as a relay of several teams has. */
export const RELAY_FULL: Scale = {
  ...FULL,
  small: (['GET', 'POST'] as const).flatMap((method) =>
    [1, 16, 64, 256].map((connections) => ({ method, connections })),
  ),
};

/** Proves that every measurement runs; its numbers are too noisy to quote. */
export const QUICK: Scale = {
  rounds: 1,
  cellMs: 1_000,
  bulkMs: 3_000,
  small: [{ method: 'GET', connections: 64 }],
  sse: { streams: 10, durationMs: 500 },
  idleStreams: 200,
  settleMs: 200,
  startUps: 5,
};
