import { type Clock, sleep } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import { readBanner } from './banner.ts';
import { recogniseFinal } from './texts.ts';
import { fetchTunnelUrls } from './web-debugger.ts';

export interface DiscoveryOptions {
  /** Undefined when the web debugger is off: then only the log tells. */
  readonly debuggerPort: number | undefined;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The container's first lines so far. */
  lines(): readonly string[];
}

const POLL_MS = 100;
const ANSWER_MS = 2_000;
/** The web debugger is the better source; the log's URL waits this long for it. */
const PATIENCE_MS = 2_000;

/**
 * Finds the public URL of a session that is coming up: the web debugger's list first, a URL in the
 * greeting when the debugger stays silent.
 *
 * @throws {TunneldError} `TUNNEL_OPEN_TIMEOUT`, or the code of a known text in the log.
 */
export async function discoverUrl(options: DiscoveryOptions): Promise<URL> {
  const { clock, signal, debuggerPort } = options;
  const began = clock.monotonic();
  let logUrlSince: number | undefined;
  while (clock.monotonic() - began < options.timeoutMs) {
    signal.throwIfAborted();
    if (debuggerPort !== undefined) {
      const [url] = await fetchTunnelUrls(debuggerPort, ANSWER_MS, signal).catch(() => []);
      if (url !== undefined) return url;
    }
    const lines = options.lines();
    const failure = recogniseFinal(lines);
    if (failure !== undefined) throw new TunneldError(failure.code, failure.says, remedyOf(failure.remedy));
    const [logUrl] = readBanner(lines).urls;
    if (logUrl !== undefined) {
      logUrlSince ??= clock.monotonic();
      if (debuggerPort === undefined || clock.monotonic() - logUrlSince >= PATIENCE_MS) return logUrl;
    }
    await sleep(clock, POLL_MS, signal);
  }
  throw new TunneldError(
    'TUNNEL_OPEN_TIMEOUT',
    `Pinggy gave no public URL within ${Math.round(options.timeoutMs / 1000)} s.`,
  );
}

function remedyOf(remedy: string | undefined): { remedy?: string } {
  return remedy === undefined ? {} : { remedy };
}
