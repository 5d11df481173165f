import type { Clock } from '../../core/clock.ts';
import { type ErrorCode, TunneldError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { SessionEnd } from '../../core/session-end.ts';
import type { Finding } from '../../core/status.ts';
import { type AgentSession, openAgentSession } from '../../relay/agent/agent-session.ts';
import type { AgentDialect } from '../../relay/agent/dialect.ts';
import { type ProxyRoute, proxyFor } from '../../relay/agent/proxy-route.ts';
import type { InProcessRequest, OpenContext, TunnelProvider, TunnelSession } from '../provider.ts';
import { answers, isUnconnected } from './dial-again.ts';
import { Dialects, OTHER_DIALECTS } from './dialects.ts';
import { findings } from './findings.ts';
import { sessionNotes } from './session-notes.ts';

export interface RelayProviderOptions {
  /** Asked at every attempt: the embedded relay's port is known only once it listens. */
  relayUrl(): URL;
  readonly token: Secret;
  /** The token was made up here, since the configuration gives none. */
  readonly tokenMadeUp?: boolean;
  /** Asked for instead of the tunnel's own name. */
  readonly name?: string;
  /** Hosts besides the relay's own that its public URL may have. */
  readonly publicHosts?: readonly string[];
  /** Names the proxy that leads to the relay, if one does. */
  readonly env?: NodeJS.ProcessEnv;
  /** Links to hold at once; 1 by default. */
  readonly links?: 1 | 2;
  readonly clock: Clock;
  readonly random?: () => number;
}

/** What a relay says of an agent it reached and will not have. */
const REFUSALS: readonly ErrorCode[] = [
  'CREDENTIAL_REJECTED',
  'NAME_INVALID',
  'RELAY_NAME_DENIED',
  'RELAY_NAME_TAKEN',
];

/**
 * Public URLs from a relay, embedded or elsewhere, in our own protocol or another that it speaks.
 * Requests enter the gateway in process.
 */
export class RelayProvider implements TunnelProvider<InProcessRequest> {
  readonly kind = 'relay';
  readonly overlaps = true;
  readonly #options: RelayProviderOptions;
  readonly #dialects = new Dialects();
  readonly #open = new Set<TunnelSession>();
  #refusal: TunneldError | undefined;
  #newest: TunnelSession | undefined;
  /** Another agent took the name over: it is asked for, and no more, until it is free. */
  #yields = false;
  /** What the last attempt failed with. */
  #failure: unknown;

  constructor(options: RelayProviderOptions) {
    this.#options = options;
  }

  async open(request: InProcessRequest, context: OpenContext): Promise<TunnelSession> {
    this.#refusal = undefined;
    this.#failure = undefined;
    if (context.insists) this.#yields = false;
    try {
      const session = await this.#dialects.open([
        () => this.#openLink(request, context),
        ...OTHER_DIALECTS.map((dialect) => () => this.#openDialect(dialect, request, context)),
      ]);
      for (const note of session.notes ?? []) context.log.warn({ note }, 'something to know of this session');
      this.#open.add(session);
      this.#newest = session;
      this.#yields = false;
      void session.closed.then((end) => this.#ended(session, end));
      return session;
    } catch (thrown) {
      const error = this.#explained(thrown);
      if (error instanceof TunneldError && REFUSALS.includes(error.code)) this.#refusal = error;
      this.#failure = error;
      throw error;
    }
  }

  /** A user who gave no token is not told to check it. */
  #explained(error: unknown): unknown {
    if (!(error instanceof TunneldError) || error.code !== 'CREDENTIAL_REJECTED') return error;
    if (this.#options.tokenMadeUp !== true) return error;
    return new TunneldError(error.code, `${error.message}; no token for it was given here`, {
      cause: error,
      remedy:
        'Give the token that the operator of the relay made for you: --relay-token env:VARIABLE or file:PATH, or `relay.token` in tunneld.yaml.',
    });
  }

  /** A name server that answers, a port that takes connections: all that can be seen from outside. */
  async mended(): Promise<boolean> {
    const { relayUrl, clock } = this.#options;
    // What is behind a proxy is for the proxy to see.
    return isUnconnected(this.#failure) && (await answers(this.#proxy?.url ?? relayUrl(), clock));
  }

  #ended(session: TunnelSession, end: SessionEnd): void {
    this.#open.delete(session);
    // An older one was superseded by ours.
    if (session !== this.#newest) return;
    this.#yields = end.reason === 'ended' && end.error.code === 'RELAY_NAME_HELD';
  }

  async #openDialect(
    dialect: AgentDialect,
    request: InProcessRequest,
    context: OpenContext,
  ): Promise<TunnelSession> {
    const link = await dialect.open({
      relayUrl: this.#options.relayUrl(),
      name: this.#options.name ?? request.name,
      token: this.#options.token,
      publicHosts: this.#options.publicHosts ?? [],
      proxy: this.#proxy,
      accept: (exchange) => request.accept(exchange),
      announce: (publicUrl) => request.announce?.(publicUrl),
      signal: context.signal,
      clock: this.#options.clock,
      log: context.log,
    });
    const notes = this.#notesOf(link.publicUrl, request.name);
    return {
      publicUrl: link.publicUrl,
      expiresAt: undefined,
      closed: link.closed,
      checkFromEdge: async () => ({
        kind: 'unknown',
        detail: `a relay of the ${dialect.name} protocol cannot be asked what it sees`,
      }),
      get notes() {
        return [...link.notes, ...notes];
      },
      close: () => link.close(),
    };
  }

  async #openLink(request: InProcessRequest, context: OpenContext): Promise<TunnelSession> {
    const { token, clock, name, publicHosts = [], links = 1, random = Math.random } = this.#options;
    const access = request.access?.current();
    let link: AgentSession | undefined;
    let changed = false;
    // From before it is opened: what changes meanwhile must reach the relay too.
    const unsubscribe = request.access?.subscribe(() => {
      changed = true;
      link?.setAccess(request.access?.current());
    });
    try {
      link = await openAgentSession({
        relayUrl: this.#options.relayUrl(),
        name: name ?? request.name,
        token,
        publicHosts,
        proxy: this.#proxy,
        accept: (exchange) => request.accept(exchange),
        announce: (publicUrl) => request.announce?.(publicUrl),
        probeHeaders: (nonce) => request.probeHeaders?.(nonce) ?? [],
        ...(access === undefined ? {} : { access }),
        yields: this.#yields,
        signal: context.signal,
        clock,
        random,
        links,
        log: context.log,
      });
    } catch (error) {
      unsubscribe?.();
      throw error;
    }
    if (changed) link.setAccess(request.access?.current());
    void link.closed.then(() => unsubscribe?.());
    return sessionOf(link, this.#notesOf(link.publicUrl, request.name));
  }

  /** @throws {TunneldError} `RELAY_PROXY` */
  get #proxy(): ProxyRoute | undefined {
    return proxyFor(this.#options.relayUrl(), this.#options.env ?? {});
  }

  #notesOf(publicUrl: URL, name: string): readonly string[] {
    return sessionNotes(publicUrl, this.#options.relayUrl(), this.#options.name ?? name);
  }

  async diagnose({ name }: InProcessRequest): Promise<readonly Finding[]> {
    const { clock } = this.#options;
    return await findings({
      relayUrl: this.#options.relayUrl(),
      env: this.#options.env ?? {},
      name: this.#options.name ?? name,
      open: this.#open.size > 0,
      publicUrl: this.#newest?.publicUrl,
      refusal: this.#refusal,
      clock,
    });
  }
}

function sessionOf(link: AgentSession, notes: readonly string[]): TunnelSession {
  return {
    ...(notes.length > 0 ? { notes } : {}),
    publicUrl: link.publicUrl,
    expiresAt: undefined,
    closed: link.closed,
    checkFromEdge: (signal) => link.check(signal),
    close: () => link.close(),
  };
}
