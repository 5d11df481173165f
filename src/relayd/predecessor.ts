import http from 'node:http';
import type { Clock, Timer } from '../core/clock.ts';
import { TunneldError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { parseJson } from '../core/parse-json.ts';

/** Time limit for a relay's health answer, and the pause before its port is tried again (milliseconds). */
const ANSWER_MS = 2_000;
const TRY_AGAIN_MS = 250;

/** Where an admin endpoint is. */
export type Place = { readonly port: number } | { readonly socketPath: string };

export interface Taken<T> {
  /** Undefined until the predecessor has exited. */
  readonly value: T | undefined;
  close(): Promise<void>;
}

/**
 * Takes a place at once, or from a relay that is ending as soon as that is gone: one that drains keeps
 * its endpoint to the last, and its successor serves by then.
 *
 * @throws whatever `take` throws, unless a relay that is ending has the place
 */
export async function takeOver<T>(
  place: Place,
  take: () => Promise<{ readonly value: T; close(): Promise<void> }>,
  clock: Clock,
  log: Logger,
): Promise<Taken<T>> {
  try {
    return await take();
  } catch (error) {
    if (!(await isEndingRelay(place))) throw error;
  }
  log.info({ ...place }, 'the admin endpoint follows once the relay before is gone');
  let taken: { close(): Promise<void> } | undefined;
  let timer: Timer | undefined;
  let attempt = Promise.resolve();
  let closed = false;
  let complained = false;
  const tryAgain = async () => {
    try {
      taken = await take();
      log.info({ ...place }, 'admin endpoint taken over');
    } catch (error) {
      // The tunnels are served meanwhile; they must not end because the admin endpoint is missing.
      if (!complained && !(await isEndingRelay(place))) {
        complained = true;
        const known = error instanceof TunneldError ? { code: error.code, remedy: error.remedy } : {};
        log.error({ ...known, ...place, detail: String(error) }, 'the admin endpoint cannot be opened');
      }
      if (!closed) wait();
    }
  };
  const wait = () => {
    timer = clock.setTimer(() => {
      attempt = tryAgain();
    }, TRY_AGAIN_MS);
  };
  wait();
  return {
    value: undefined,
    async close() {
      closed = true;
      timer?.cancel();
      await attempt;
      timer?.cancel();
      await taken?.close();
    },
  };
}

/** Whether a draining relay answers there. */
async function isEndingRelay(place: Place): Promise<boolean> {
  const { status, body } = await readiness(place);
  return status === 503 && isRelay(body) && Reflect.get(body, 'ready') === false;
}

/** Whether a relay answers there, draining or not. */
export async function isRunningRelay(place: Place): Promise<boolean> {
  return isRelay((await readiness(place)).body);
}

function isRelay(body: unknown): body is object {
  return typeof body === 'object' && body !== null && 'ready' in body && 'pendingLinks' in body;
}

function readiness(place: Place): Promise<{ readonly status: number; readonly body: unknown }> {
  const none = { status: 0, body: undefined };
  return new Promise((resolve) => {
    const where = 'port' in place ? { host: '127.0.0.1', ...place } : place;
    const options = { ...where, path: '/readyz', headers: { host: 'localhost' }, agent: false as const };
    const request = http.get({ ...options, timeout: ANSWER_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MAX_ANSWER) request.destroy();
      });
      response.on('error', () => resolve(none));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parseJson(text) }));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(none));
    request.on('close', () => resolve(none));
  });
}

const MAX_ANSWER = 65_536;
