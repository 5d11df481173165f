import type { TunneldError } from '../core/errors.ts';
import type { ServerPlace } from '../core/place.ts';

/**
 * The local side of a tunnel: an MCP server, wherever it is. Some only have an address; others are
 * made reachable first. The gateway knows no difference: it dials what `place` says.
 */
export interface LocalServer {
  /**
   * Makes it reachable. What it is made of may start later, on demand.
   *
   * @throws {TunneldError} what stands in the way; then nothing of it is left
   */
  start(): Promise<void>;
  /** Where the gateway reaches it, from `start` to `stop`. */
  readonly place: Upstream;
  /**
   * What is known of it without asking it; undefined for one that must be asked. A look starts
   * nothing and takes no session.
   */
  readonly state: (() => ServerState) | undefined;
  /** Where it is looked at, where that is not `place`: a connection shows whether it is there. */
  readonly probed?: Upstream | undefined;
  /** Reaching it is over for good, and why. Never resolves for one that only has an address; never rejects. */
  readonly closed: Promise<TunneldError>;
  /** Ends whatever `start` began, and all that came of it. Idempotent. */
  stop(): Promise<void>;
}

export interface Upstream extends ServerPlace {
  readonly protocol: 'http:' | 'https:';
  /** To connect to where nobody listens at `host`. */
  readonly otherHost?: string;
  /** Path of the MCP endpoint. */
  readonly path: string;
  /** What the server gets to see in `Host`. */
  readonly hostHeader: string;
}

/** What a server that was started here is up to. */
export type ServerState =
  /** Nothing runs, and the first call starts it. `before`: what it showed when it last ran. */
  | { readonly kind: 'asleep'; readonly before: Shown | undefined }
  /** It runs, and has not answered its first question yet. `since`: Unix milliseconds. */
  | { readonly kind: 'starting'; readonly since: number }
  /** It answered. */
  | { readonly kind: 'ready'; readonly shown: Shown | undefined }
  /** It ended, or could not be started. */
  | {
      readonly kind: 'failed';
      /** Of `core/errors.ts`. */
      readonly code: string;
      /** One sentence, secrets redacted. */
      readonly message: string;
      readonly remedy: string;
      /** Ends in a row without one that stood its ground. */
      readonly inARow: number;
    };

/** What a server said of itself. */
export interface Shown {
  /** `name version` */
  readonly server?: string;
  readonly tools?: number;
  /** Absent where nobody asked yet. */
  readonly era?: 'legacy' | 'modern';
}
