import type { ServerSign } from '../core/server-sign.ts';
import type { Exposure } from './exposure.ts';
import { LocalLeg, type LocalLegOptions } from './local-leg.ts';
import type { ProbeResult } from './probe-result.ts';
import { PublicLeg, type PublicLegOptions } from './public-leg.ts';

export type LegsOptions = LocalLegOptions & Omit<PublicLegOptions, 'path'>;

/** The looks at both legs. Each resolves with what it saw; it rejects only when `signal` aborts. */
export interface Legs {
  /** @param closely something is wrong: nothing is spared that does no harm */
  local(signal: AbortSignal, closely?: boolean): Promise<ProbeResult>;
  /** @param stream whether an event stream comes through is asked as well */
  public(publicUrl: URL, signal: AbortSignal, stream?: boolean): Promise<ProbeResult>;
  /** Asks without a token, which must be refused. */
  exposure(publicUrl: URL, signal: AbortSignal): Promise<Exposure>;
  /** Whether anything accepts connections where the server should be: a cheap first question. */
  listening(signal: AbortSignal): Promise<boolean>;
  /** Learns from what a caller got of the server. */
  learn(sign: ServerSign): void;
  /** Callers get answers where we get none. */
  trustCallers(): void;
  /**
   * The server was away: what comes back may be another one.
   *
   * @param restarted nothing listened there meanwhile
   */
  forget(restarted: boolean): void;
  /** Ends the session we hold on the server, and every connection. */
  close(): Promise<void>;
}

/** Looks at both legs over the network. */
export class NetworkLegs implements Legs {
  readonly #local: LocalLeg;
  readonly #public: PublicLeg;

  constructor(options: LegsOptions) {
    this.#local = new LocalLeg(options);
    this.#public = new PublicLeg({ ...options, path: options.upstream.path, token: () => options.token() });
  }

  local(signal: AbortSignal, closely = false): Promise<ProbeResult> {
    return this.#local.look(signal, closely);
  }

  public(publicUrl: URL, signal: AbortSignal, stream = false): Promise<ProbeResult> {
    return this.#public.look(publicUrl, signal, stream);
  }

  exposure(publicUrl: URL, signal: AbortSignal): Promise<Exposure> {
    return this.#public.exposure(publicUrl, signal);
  }

  listening(signal: AbortSignal): Promise<boolean> {
    return this.#local.listening(signal);
  }

  learn(sign: ServerSign): void {
    this.#local.learn(sign);
  }

  trustCallers(): void {
    this.#local.trustCallers();
  }

  forget(restarted: boolean): void {
    this.#local.forget(restarted);
  }

  async close(): Promise<void> {
    await Promise.all([this.#local.close(), this.#public.close()]);
  }
}
