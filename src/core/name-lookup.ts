import { lookup } from 'node:dns/promises';
import type { Clock } from './clock.ts';

/** A name server that is there answers sooner; the system gives up after 10 s and more (milliseconds). */
const LIMIT_MS = 3_000;

/** The address of a name, or in few words why there is none: `ENOTFOUND`, `no answer within 3 s`. */
export function lookUp(host: string, clock: Clock): Promise<{ address: string } | { failure: string }> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(
      () => resolve({ failure: `no answer within ${LIMIT_MS / 1_000} s` }),
      LIMIT_MS,
    );
    lookup(host)
      .then(
        ({ address }) => resolve({ address }),
        (error: NodeJS.ErrnoException) => resolve({ failure: error.code ?? error.message }),
      )
      .finally(() => timer.cancel());
  });
}
