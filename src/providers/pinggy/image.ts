import { TunneldError } from '../../core/errors.ts';
import type { Engine } from './engine.ts';
import { engineError, engineMessage, engineStatus } from './engine-errors.ts';
import type { PinggyOptions } from './options.ts';
import './errors.ts';

/** A pull that reports nothing for this long has stalled. */
const SILENCE_MS = 60_000;

interface PullEvent {
  readonly status?: string;
  readonly id?: string;
  readonly error?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

/**
 * Makes sure the image is on the engine, pulling it when the options say so.
 *
 * @throws {TunneldError} `IMAGE_UNAVAILABLE`, `IMAGE_UNKNOWN`, `ENGINE_*`
 */
export async function ensureImage(
  engine: Engine,
  options: PinggyOptions,
  signal: AbortSignal,
  progress: (step: string) => void,
): Promise<void> {
  const { image, pull } = options;
  const present = await hasImage(engine, image, signal);
  if (present && pull !== 'always') return;
  if (pull === 'never') {
    throw new TunneldError('IMAGE_UNKNOWN', `Image ${image} is not on the engine, and pulling is off.`, {
      remedy: `Run \`docker pull ${image}\`, or set \`pinggy.pull: missing\`.`,
    });
  }
  try {
    await pullImage(engine, image, signal, progress);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    // An image we have is better than one we cannot get.
    if (present) return;
    throw error;
  }
}

export async function hasImage(engine: Engine, image: string, signal?: AbortSignal): Promise<boolean> {
  const inspect = () =>
    engine.docker
      .getImage(image)
      .inspect()
      .then(
        () => true,
        (error: unknown) => {
          if (engineStatus(error) === 404) return false;
          throw error;
        },
      );
  return await engine.call('look for the image', inspect, signal);
}

async function pullImage(
  engine: Engine,
  image: string,
  signal: AbortSignal,
  progress: (step: string) => void,
): Promise<void> {
  progress(`pulling ${image}`);
  const stalled = new AbortController();
  const abortSignal = AbortSignal.any([signal, stalled.signal]);
  const watchdog = setTimeout(() => stalled.abort(), SILENCE_MS);
  const layers = new Map<string, { current: number; total: number }>();
  try {
    const stream = await engine.docker.pull(withTag(image), { abortSignal });
    await new Promise<void>((resolve, reject) => {
      abortSignal.addEventListener('abort', () => reject(abortSignal.reason), { once: true });
      const finished = (error: Error | null) => (error === null ? resolve() : reject(error));
      engine.docker.modem.followProgress(stream, finished, (event: PullEvent) => {
        watchdog.refresh();
        if (event.error !== undefined) reject(new Error(event.error));
        const share = sumUp(layers, event);
        if (share !== undefined) progress(`pulling ${image}: ${share} %`);
      });
    });
  } catch (error) {
    signal.throwIfAborted();
    throw pullError(error, engine, image, stalled.signal.aborted);
  } finally {
    clearTimeout(watchdog);
  }
}

/** Percent of the bytes announced so far; undefined for events that say nothing of bytes. */
function sumUp(
  layers: Map<string, { current: number; total: number }>,
  event: PullEvent,
): number | undefined {
  const { current, total } = event.progressDetail ?? {};
  if (event.id === undefined || event.status !== 'Downloading' || total === undefined || total <= 0)
    return undefined;
  layers.set(event.id, { current: current ?? 0, total });
  const all = [...layers.values()];
  const sum = (pick: (layer: { current: number; total: number }) => number) =>
    all.reduce((whole, layer) => whole + pick(layer), 0);
  return Math.floor((100 * sum((layer) => layer.current)) / sum((layer) => layer.total));
}

function pullError(error: unknown, engine: Engine, image: string, stalled: boolean): TunneldError {
  if (stalled) {
    return new TunneldError(
      'IMAGE_UNAVAILABLE',
      `Pulling ${image} made no progress for ${SILENCE_MS / 1000} s.`,
    );
  }
  const said = engineMessage(error);
  const status = engineStatus(error);
  if (status === undefined && error instanceof Error && 'code' in error)
    return engineError(error, 'pull', engine.address);
  const unknown =
    status === 404 || /not found|manifest unknown|access denied|unauthorized|denied:/i.test(said);
  const noRegistry = /no such host|dial tcp|timeout|connection refused|TLS|EOF/i.test(said);
  const code = unknown && !noRegistry ? 'IMAGE_UNKNOWN' : 'IMAGE_UNAVAILABLE';
  return new TunneldError(code, `Image ${image} is not on this machine and could not be pulled: ${said}`);
}

/** Without a tag the engine would pull every tag there is. */
function withTag(image: string): string {
  const name = image.slice(image.lastIndexOf('/') + 1);
  return name.includes(':') || name.includes('@') ? image : `${image}:latest`;
}
