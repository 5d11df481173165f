import type { Clock, Timer } from '../../core/clock.ts';
import { fetchTunnelUrls } from './web-debugger.ts';

export interface LivenessOptions {
  readonly port: number;
  readonly publicUrl: URL;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Called once, with why the session is no longer worth keeping. */
  onDead(detail: string): void;
}

/** One missed answer may be a hiccup of the network; the second is not waited for any longer. */
const MISSES = 2;

/**
 * Asks the edge, through the session, whether the session still stands. Finds what no process exit
 * tells: a half-open connection, a frozen client, an endpoint that expired while SSH stayed up.
 */
export class Liveness {
  readonly #options: LivenessOptions;
  readonly #stopped = new AbortController();
  #misses = 0;
  #timer: Timer | undefined;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#later();
  }

  /** Asks now. @param certain one refused connection is enough: the container is known to be in doubt. */
  async check(certain: boolean): Promise<void> {
    const { port, publicUrl, timeoutMs } = this.#options;
    this.#timer?.cancel();
    try {
      const urls = await fetchTunnelUrls(port, timeoutMs, this.#stopped.signal);
      this.#misses = 0;
      if (urls.length === 0) this.#dead('the edge no longer has a tunnel for this session');
      else if (!urls.some(({ origin }) => origin === publicUrl.origin))
        this.#dead('the edge moved to another URL');
    } catch (error) {
      const refused = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
      this.#misses = certain && refused ? MISSES : this.#misses + 1;
      if (this.#misses >= MISSES) this.#dead('the edge does not answer through the session');
    }
    this.#later();
  }

  stop(): void {
    this.#stopped.abort();
    this.#timer?.cancel();
  }

  #later(): void {
    if (this.#stopped.signal.aborted) return;
    const { clock, intervalMs } = this.#options;
    // After a miss the next question follows at once: its own timeout is the pause.
    const delay = this.#misses === 0 ? intervalMs : Math.min(1_000, intervalMs);
    this.#timer?.cancel();
    this.#timer = clock.setTimer(() => void this.check(false), delay);
  }

  #dead(detail: string): void {
    if (this.#stopped.signal.aborted) return;
    this.stop();
    this.#options.onDead(detail);
  }
}
