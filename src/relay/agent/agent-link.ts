import type { Socket } from 'node:net';
import type { EdgeAccess } from '../../access/edge-access.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import type { Exchange } from '../../core/exchange.ts';
import type { Logger } from '../../core/log.ts';
import type { Secret } from '../../core/secret.ts';
import { lost, type SessionEnd } from '../../core/session-end.ts';
import { Http1Error } from '../../http1/http1-error.ts';
import { parseRequestHead } from '../../http1/request-head.ts';
import { encodeAccess } from '../link/access-frame.ts';
import { FrameType } from '../link/frame.ts';
import type { FrameSocket } from '../link/frame-socket.ts';
import { decodeRelayHello, encodeHello, ownTerms, type RelayHello } from '../link/hello.ts';
import { CHECK_HEADER, encodeCheck } from '../link/link-check.ts';
import { decodeGoaway, type GoawayReason, LinkError } from '../link/link-error.ts';
import { Mux } from '../link/mux.ts';
import { type MuxStream, ResetCode } from '../link/mux-stream.ts';
import { readPeerLine } from '../link/peer-line.ts';
import { WindowBudget } from '../link/window-budget.ts';
import { dial } from './agent-dial.ts';
import { AgentExchange } from './agent-exchange.ts';
import { type LinkCheck, LinkChecks } from './link-checks.ts';
import { type OpenOutcome, openInTime } from './open-in-time.ts';
import type { ProxyRoute } from './proxy-route.ts';
import { assertPublicUrl } from './public-url-policy.ts';

/** A request that left before the relay knew of the next link is still taken by the old one. */
const RETIRE_AFTER_MS = 500;
/** What the windows of uploads may grow by together. */
const GROWTH_BYTES = 33_554_432;
/** Requests in flight; also the relay's limit counts. */
const MAX_STREAMS = 4_096;

export interface AgentLinkOptions {
  /** `http:` or `https:` (`ws:`, `wss:`); a path is kept in front of the relay's own. */
  readonly relayUrl: URL;
  readonly name: string;
  readonly token: Secret;
  /** Takes each request, in process. */
  accept(exchange: Exchange): void;
  /** Told the public URL before the first `accept`, which may come before the promise is acted on. */
  announce?(publicUrl: URL): void;
  /** Hosts besides the relay's own that it may name in the public URL; see `assertPublicUrl`. */
  readonly publicHosts?: readonly string[];
  /** Links that give the same group serve the name together, where the relay can do that. */
  readonly group?: string;
  /** The way to the relay leads through it. */
  readonly proxy?: ProxyRoute | undefined;
  /** Does not take the name over from another agent with the same token, where the relay knows that. */
  readonly yields?: boolean;
  /** The relay wants the agent to dial again; this link goes on until it ends. */
  onDraining?(): void;
  /** Lets the relay turn strangers away itself. Absent: only the gateway does. */
  readonly access?: EdgeAccess;
  /**
   * Headers that show the gateway a request of our own, which it answers with the nonce; name and value
   * alternating. They are put on here, and never travel over the link.
   */
  probeHeaders?(nonce: string): readonly string[];
  /** Gives up the attempt; of no effect once the link is open. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface AgentLink {
  readonly publicUrl: URL;
  /** Its name in the logs of both sides. */
  readonly id: string;
  /** The relay knows that others of the group may serve the name too. */
  readonly grouped: boolean;
  /** Settles when the link is gone. Never rejects. */
  readonly closed: Promise<SessionEnd>;
  /** From now on these may call; undefined: the gateway alone decides. */
  setAccess(access: EdgeAccess | undefined): void;
  /** Asks the relay what it sees of the tunnel. Rejects with the signal's reason alone. */
  check(signal: AbortSignal): Promise<LinkCheck>;
  /** Another link serves the name by now: ends this one once nothing is on it. Idempotent. */
  retire(): void;
  /** Ends the link and everything on it. Idempotent; resolves after `closed`. */
  close(): Promise<void>;
}

/**
 * Dials a relay, registers `name` and serves it.
 *
 * @throws {TunneldError} `RELAY_UNREACHABLE`, `TUNNEL_OPEN_TIMEOUT`, `CREDENTIAL_REJECTED`,
 *   `RELAY_NAME_TAKEN`, `NAME_INVALID`, `RELAY_PROTOCOL`, `RELAY_PUBLIC_URL`; the signal's reason when aborted, once
 *   the socket is gone
 */
export async function openAgentLink(options: AgentLinkOptions): Promise<AgentLink> {
  return await openInTime<AgentLink>(options, (outcome) => new LinkAttempt(options, outcome).socket);
}

/** From dialling to the relay's HELLO. */
class LinkAttempt {
  readonly socket: Socket;
  readonly #options: AgentLinkOptions;
  readonly #outcome: OpenOutcome<AgentLink>;
  #wire: FrameSocket | undefined;

  constructor(options: AgentLinkOptions, outcome: OpenOutcome<AgentLink>) {
    this.#options = options;
    this.#outcome = outcome;
    this.socket = dial({
      relayUrl: options.relayUrl,
      clock: options.clock,
      proxy: options.proxy,
      receiver: {
        frame: (type, _id, payload) => this.#onFrame(type, payload),
        data: () => {
          throw new LinkError('protocol', 'DATA before HELLO');
        },
      },
      onOpen: (wire) => this.#register(wire),
      onFailed: (error) => outcome.fail(error),
    });
  }

  #register(wire: FrameSocket): void {
    this.#wire = wire;
    wire.onClosed = (error) => this.#outcome.fail(this.#refusal(error.reason, error.message));
    const { name, token, access, group, yields } = this.#options;
    const payload = encodeHello({
      ...ownTerms(MAX_STREAMS),
      name,
      token: token.reveal(),
      ...(access === undefined ? {} : { access }),
      ...(group === undefined ? {} : { group }),
      ...(yields ? { yields } : {}),
    });
    wire.frame(FrameType.hello, 0, payload, 0, payload.length, false);
  }

  #onFrame(type: number, payload: Buffer): void {
    const wire = this.#wire;
    if (this.#outcome.settled || wire === undefined) return;
    if (type === FrameType.goaway) {
      const { reason, detail } = decodeGoaway(payload);
      this.#outcome.fail(this.#refusal(reason, detail));
      return;
    }
    if (type !== FrameType.hello) throw new LinkError('protocol', `frame type ${type} before HELLO`);
    const hello = decodeRelayHello(payload);
    if (!URL.canParse(hello.publicUrl) || !/^https?:/.test(hello.publicUrl)) {
      throw new LinkError('protocol', 'the public URL is not one');
    }
    const { relayUrl, publicHosts = [] } = this.#options;
    try {
      assertPublicUrl(new URL(hello.publicUrl), relayUrl, publicHosts);
    } catch (error) {
      this.#outcome.fail(error);
      return;
    }
    const link = serve(wire, hello, this.#options);
    this.#outcome.succeed(link);
    this.#options.announce?.(link.publicUrl);
  }

  #refusal(reason: GoawayReason, detail: string): TunneldError {
    const { relayUrl, name } = this.#options;
    const what = `The relay ${relayUrl.host} refused the tunnel ${name}: ${detail}`;
    switch (reason) {
      case 'credential':
        return new TunneldError('CREDENTIAL_REJECTED', what);
      case 'nameTaken':
        return new TunneldError('RELAY_NAME_TAKEN', what);
      case 'nameDenied':
        return new TunneldError('RELAY_NAME_DENIED', what);
      case 'nameInvalid':
        return new TunneldError('NAME_INVALID', what);
      case 'suspended':
        return new TunneldError(
          'RELAY_SUSPENDED',
          `The relay ${relayUrl.host}: ${detail}; it comes back by itself`,
          {
            retryAfterMs: suspendedMs(detail),
          },
        );
      case 'held':
        return held(relayUrl.host, name);
      case 'protocol':
        return new TunneldError('RELAY_PROTOCOL', what);
      default:
        return new TunneldError('RELAY_UNREACHABLE', what);
    }
  }
}

/** The operator may change his mind sooner: asked once a minute at least. */
const LONGEST_SUSPENSION_MS = 60_000;

function suspendedMs(detail: string): number {
  const seconds = Number(/ (\d+) s\b/.exec(detail)?.[1] ?? 0);
  return Math.min(seconds * 1_000, LONGEST_SUSPENSION_MS);
}

function serve(wire: FrameSocket, hello: RelayHello, options: AgentLinkOptions): AgentLink {
  const { clock, log, name } = options;
  const relay = { host: options.relayUrl.host, yields: hello.yields === true };
  let byUs = false;
  let retiring: Timer | undefined;
  let goaway: { reason: GoawayReason; detail: string } | undefined;
  let settle: (end: SessionEnd) => void = () => {};
  const closed = new Promise<SessionEnd>((resolve) => {
    settle = resolve;
  });
  const checks = new LinkChecks(clock, (nonce) => {
    const payload = encodeCheck({ nonce });
    wire.frame(FrameType.check, 0, payload, 0, payload.length, false);
  });
  const mux = new Mux({
    wire,
    clock,
    receiveWindow: ownTerms(MAX_STREAMS).window,
    budget: new WindowBudget(GROWTH_BYTES),
    sendWindow: hello.window,
    maxStreams: MAX_STREAMS,
    maxFrame: hello.maxFrame,
    onRequest: (stream, head, first, end) => acceptRequest(options, checks, stream, head, first, end),
    onChecked: (payload) => checks.answered(payload),
    onGoaway: (reason, detail) => {
      goaway = { reason, detail };
      log.info({ name, reason, detail }, 'the relay ends the link');
      if (reason === 'draining') options.onDraining?.();
    },
    onClosed: (error) => {
      retiring?.cancel();
      checks.close();
      settle(byUs ? { reason: 'closed-by-us' } : linkEnd(name, relay, error, goaway));
    },
  });
  mux.measure();
  const end = () => {
    byUs = true;
    mux.close('closing', 'the tunnel was closed');
  };
  return {
    publicUrl: new URL(hello.publicUrl),
    id: hello.link,
    grouped: options.group !== undefined && hello.group === options.group,
    closed,
    async check(signal) {
      if (hello.checks !== true)
        return { kind: 'unknown', detail: 'this relay cannot be asked what it sees' };
      return await checks.check(signal);
    },
    setAccess(access) {
      if (mux.closed) return;
      const payload = Buffer.from(JSON.stringify(access === undefined ? null : encodeAccess(access)));
      wire.frame(FrameType.access, 0, payload, 0, payload.length, false);
    },
    retire() {
      if (mux.closed) return;
      retiring ??= clock.setTimer(() => mux.whenIdle(end), RETIRE_AFTER_MS);
    },
    async close() {
      end();
      await closed;
    },
  };
}

function acceptRequest(
  { accept, probeHeaders, log }: AgentLinkOptions,
  checks: LinkChecks,
  stream: MuxStream,
  head: string,
  first: Buffer,
  end: boolean,
): void {
  const { peer, request } = readPeerLine(head);
  let exchange: AgentExchange;
  try {
    let parsed = parseRequestHead(request);
    const nonce = parsed.get(CHECK_HEADER);
    if (nonce !== undefined && checks.isOurs(nonce)) {
      parsed = parseRequestHead(request + headerLines(probeHeaders?.(nonce) ?? []));
    }
    exchange = new AgentExchange(stream, parsed, peer);
  } catch (error) {
    if (!(error instanceof Http1Error)) throw error;
    log.warn({ reason: error.reason }, 'the relay sent a request that is not valid HTTP');
    stream.reset(ResetCode.protocol);
    return;
  }
  // Known before the handler answers, so that an answer at once needs no reset behind it.
  if (first.length === 0 && end) stream.onData(first, true);
  try {
    accept(exchange);
  } catch (err) {
    log.error({ err }, 'request handler failed');
    exchange.abort('handler-failed');
    return;
  }
  // After the handler asked for the body: what it takes now needs no copy.
  if (first.length > 0) stream.onData(first, end);
}

function headerLines(headers: readonly string[]): string {
  let text = '';
  for (let at = 0; at + 1 < headers.length; at += 2) text += `\r\n${headers[at]}: ${headers[at + 1]}`;
  return text;
}

/** The name is held by another agent; asking more often would not free it sooner. */
const ASK_AGAIN_MS = 10_000;

function held(relay: string, name: string): TunneldError {
  const what = `Another agent with the same credential serves the tunnel ${name} at ${relay}; waiting until it has left`;
  return new TunneldError('RELAY_NAME_HELD', what, { retryAfterMs: ASK_AGAIN_MS });
}

function linkEnd(
  name: string,
  relay: { readonly host: string; readonly yields: boolean },
  error: LinkError,
  goaway: { reason: GoawayReason; detail: string } | undefined,
): SessionEnd {
  if (goaway?.reason === 'superseded' && relay.yields)
    return { reason: 'ended', error: held(relay.host, name) };
  const verdict = goaway === undefined ? undefined : forGood(name, goaway);
  return verdict === undefined ? lost(goaway?.detail ?? error.message) : { reason: 'ended', error: verdict };
}

/** What must not be answered by dialling again. */
function forGood(name: string, goaway: { reason: GoawayReason; detail: string }): TunneldError | undefined {
  if (goaway.reason === 'superseded') {
    const what = `Another agent with the same credential took over the tunnel ${name}`;
    return new TunneldError('RELAY_SUPERSEDED', what);
  }
  if (goaway.reason !== 'dismissed') return undefined;
  return new TunneldError('RELAY_DISMISSED', `The relay ended the tunnel ${name}: ${goaway.detail}`);
}
