import type { DaemonApi, StatusEvent } from '../control/api.ts';

type Verbs = Omit<DaemonApi, 'subscribe'>;

/** What the verbs need of the daemon: its API from the other end of the socket. */
export type DaemonClient = {
  [Verb in keyof Verbs]: (...args: Parameters<Verbs[Verb]>) => Promise<Awaited<ReturnType<Verbs[Verb]>>>;
} & {
  /** Every tunnel, then every change until `signal` aborts. Ends, or throws, when the daemon goes. */
  events(signal: AbortSignal): AsyncIterable<StatusEvent>;
};
