import type { ServerSign } from '../../src/core/server-sign.ts';
import type { Exposure } from '../../src/health/exposure.ts';
import type { Legs } from '../../src/health/legs.ts';
import type { ProbeResult } from '../../src/health/probe-result.ts';

type Reply = ProbeResult | Promise<ProbeResult>;

export const OK: ProbeResult = {
  finding: 'ok',
  basis: 'discover',
  detail: 'the server answers',
  latencyMs: 2,
  era: 'modern',
};
export const REFUSED: ProbeResult = {
  finding: 'refused',
  basis: 'tcp',
  detail: 'nothing listens on 127.0.0.1:1',
};
export const NO_ROUTE: ProbeResult = {
  finding: 'no-route',
  basis: 'marker',
  detail: 'https://x cannot be reached (ENOTFOUND)',
};

/** Legs that see what a test tells them to, and count how often they were asked. */
export class FakeLegs implements Legs {
  localSees: () => Reply = () => OK;
  publicSees: (publicUrl: URL, stream: boolean | undefined) => Reply = () => OK;
  exposureIs: () => Exposure | Promise<Exposure> = () => 'refused';
  listens = true;
  closed = false;
  forgot = 0;
  readonly learnt: ServerSign[] = [];
  trusting = false;
  /** What the monitor wanted with each local look. */
  readonly closely: (boolean | undefined)[] = [];
  readonly asked = { local: 0, public: 0, exposure: 0, listening: 0 };
  /** Probes of one leg that ran at the same time, at most. */
  overlap = 0;
  #running = { local: 0, public: 0 };

  local(signal: AbortSignal, closely?: boolean): Promise<ProbeResult> {
    this.closely.push(closely);
    return this.#run('local', this.localSees, signal);
  }

  public(publicUrl: URL, signal: AbortSignal, stream?: boolean): Promise<ProbeResult> {
    return this.#run('public', () => this.publicSees(publicUrl, stream), signal);
  }

  async exposure(_publicUrl: URL, _signal: AbortSignal): Promise<Exposure> {
    this.asked.exposure++;
    return await this.exposureIs();
  }

  async listening(_signal: AbortSignal): Promise<boolean> {
    this.asked.listening++;
    return this.listens;
  }

  learn(sign: ServerSign): void {
    this.learnt.push(sign);
  }

  trustCallers(): void {
    this.trusting = true;
  }

  forget(): void {
    this.forgot++;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  async #run(leg: 'local' | 'public', sees: () => Reply, signal: AbortSignal): Promise<ProbeResult> {
    this.asked[leg]++;
    this.overlap = Math.max(this.overlap, ++this.#running[leg]);
    try {
      return await unlessAborted(sees(), signal);
    } finally {
      this.#running[leg]--;
    }
  }
}

async function unlessAborted(reply: Reply, signal: AbortSignal): Promise<ProbeResult> {
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([reply, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}
