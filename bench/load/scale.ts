/** How much of everything a load run does. */
export interface LoadScale {
  readonly tunnels: number;
  readonly streams: number;
  readonly calls: {
    readonly connections: number;
    /** Tunnels they share. */
    readonly tunnels: number;
    readonly everyMs: number;
    readonly durationMs: number;
    readonly slowReaders: number;
    /** With and without slow readers, this often. */
    readonly rounds: number;
  };
  readonly attack: {
    readonly sockets: number;
    readonly perSecond: number;
    readonly durationMs: number;
    /** Connections that upload all the time. */
    readonly uploads: number;
    /** How long slow heads are begun; the deadline they run into comes after that. */
    readonly slowlorisMs: number;
    /** Of calls before each attack, to compare with. */
    readonly quietMs: number;
    /** All attacks at once, instead of one after the other. */
    readonly together: boolean;
  };
  /** How long sockets that were ended a moment ago get before anything is counted (milliseconds). */
  readonly settleMs: number;
}

/** 256 connections, of which each tenth reads slowly; thousands of sockets that mean no good. */
export const FULL: LoadScale = {
  tunnels: 1_000,
  streams: 3_000,
  calls: { connections: 230, tunnels: 8, everyMs: 250, durationMs: 4_000, slowReaders: 26, rounds: 3 },
  attack: {
    sockets: 2_000,
    perSecond: 500,
    durationMs: 6_000,
    uploads: 100,
    slowlorisMs: 11_000,
    quietMs: 2_000,
    together: false,
  },
  settleMs: 1_500,
};

/** The same in little, for every change. */
export const SMOKE: LoadScale = {
  tunnels: 50,
  streams: 200,
  calls: { connections: 45, tunnels: 4, everyMs: 100, durationMs: 700, slowReaders: 5, rounds: 1 },
  attack: {
    sockets: 200,
    perSecond: 400,
    durationMs: 1_000,
    uploads: 10,
    slowlorisMs: 500,
    quietMs: 300,
    together: true,
  },
  settleMs: 400,
};
