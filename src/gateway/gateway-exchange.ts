import { type BodySink, type Exchange, Flow, type Peer } from '../core/exchange.ts';
import { PROBE_HEADER } from '../core/markers.ts';
import type { RequestEvent } from '../core/request-event.ts';
import { type Admission, type Carrier, loggedPath } from '../http1/carriers.ts';
import { KEEP_ALIVE_COMMENT } from '../http1/event-stream.ts';
import { isJsonPost } from '../http1/refusal-text.ts';
import { editResponseHead, type ParsedResponseHead } from '../http1/response-head.ts';
import { serializeRequestHead } from '../http1/rewrite.ts';
import type { UpstreamExchange, UpstreamFailure, UpstreamReceiver } from '../http1/upstream-exchange.ts';
import { admit } from './admission.ts';
import { hasLinks, ledHeaders } from './answer-links.ts';
import { type AnswerWatch, watchOf } from './answer-watch.ts';
import { type OwnAnswer, ownAnswer } from './answers.ts';
import { CallerLinks } from './caller-links.ts';
import { corsHeaders } from './cors.ts';
import { EventPassage } from './event-passage.ts';
import { callerOf } from './forwarded.ts';
import type { Gateway } from './gateway.ts';
import { NOT_FOR_THE_SERVER, notOfTheServer } from './not-passed.ts';
import { probeNonce } from './probe.ts';
import { RpcInspector } from './rpc-inspector.ts';
import { serverDown, serverFailed, serverSilent } from './upstream-answers.ts';

/** One request on its way to the server, and the answer on its way back. */
export class GatewayExchange implements BodySink, UpstreamReceiver {
  readonly #gateway: Gateway;
  readonly #exchange: Exchange;
  readonly #peer: Peer;
  readonly #nonce: string | undefined;
  readonly #at: number;
  readonly #startedAt: number;
  readonly #inspector: RpcInspector;
  /** Absent for our own probes: what they see they tell themselves. */
  readonly #watch: AnswerWatch | undefined;
  #upstream: UpstreamExchange | undefined;
  #carrier: Carrier | undefined;
  #links: CallerLinks | undefined;
  #status = 0;
  #firstByteMs: number | undefined;
  #requestBytes = 0;
  #responseBytes = 0;
  #session: string | undefined;
  #sse = false;
  /** An event stream whose bytes we may change. */
  #events: EventPassage | undefined;
  #upgraded = false;
  #upgradedEnds = 0;
  #callerPaused = false;
  #over = false;
  /** An event stream ends once it is idle. */
  #leaving = false;
  /** Of the gateway, when the stream's last bytes passed. */
  #acceptedSeen = 0;
  // What the sweep compares.
  #seenProgress = -1;
  #since: number;

  constructor(gateway: Gateway, exchange: Exchange) {
    const { clock, probeKey } = gateway.options;
    const { request } = exchange;
    this.#gateway = gateway;
    this.#exchange = exchange;
    this.#at = clock.now();
    this.#startedAt = clock.monotonic();
    this.#since = this.#startedAt;
    this.#peer = callerOf(request, exchange.peer, gateway.trustForwarded);
    this.#nonce = probeNonce(request.get(PROBE_HEADER), probeKey);
    this.#inspector = new RpcInspector(request);
    const session = request.get('mcp-session-id');
    if (session !== undefined) this.#session = gateway.sessionLabel(session);
    if (this.#nonce === undefined) this.#watch = watchOf(gateway, request, this.#peer, this.#session);
    exchange.onClose = (reason) => this.#callerGone(reason);
    exchange.onDrain = () => this.#callerDrained();
  }

  /** It is our own. */
  get probe(): boolean {
    return this.#nonce !== undefined;
  }

  get over(): boolean {
    return this.#over;
  }

  /** The gateway closes: ends it as soon as that takes nothing from anybody. */
  leave(): void {
    this.#leaving = true;
    if (this.#isIdleStream) this.#endStream();
  }

  /** Checks the request and sends it on, or answers it. */
  start(): void {
    const admission = admit(this.#gateway, this.#exchange.request, this.#nonce !== undefined);
    this.#carrier = admission.carrier;
    if ('answer' in admission) {
      this.#refuse(admission.answer);
      return;
    }
    this.#forward(admission);
  }

  /** The server sends events, and somebody still listens who came through the public URL. */
  get streamsToVisitor(): boolean {
    return this.#sse && this.#status < 400 && this.#peer.via === 'provider' && this.#nonce === undefined;
  }

  /** Ends it from our side, so that neither end takes it for complete. */
  fail(reason: string): void {
    if (this.#over) return;
    this.#upstream?.abort();
    this.#exchange.abort(reason);
    this.#finish('upstream-failed', reason);
  }

  /** Called by the sweep. @param now monotonic milliseconds */
  check(now: number): void {
    const upstream = this.#upstream;
    if (upstream === undefined) return;
    const progress = upstream.progress + this.#requestBytes;
    if (progress !== this.#seenProgress) {
      this.#seenProgress = progress;
      this.#since = now;
      return;
    }
    const silentMs = now - this.#since;
    if (this.#leaving && this.#isIdleStream) {
      this.#endStream();
      return;
    }
    const { limits, sseKeepAliveMs } = this.#gateway.options;
    if (this.#firstByteMs === undefined) {
      this.#watch?.silent(silentMs);
      if (!upstream.connected && silentMs >= CONNECT_TIMEOUT_MS) {
        this.failed({ kind: 'connect', reason: 'connect-timeout' });
      } else if (silentMs >= limits.firstByteTimeoutMs) {
        upstream.abort();
        this.#answer(serverSilent(this.#gateway.options.upstream, limits.firstByteTimeoutMs), 'down');
        this.#finish('upstream-failed', 'first-byte-timeout');
      }
    } else if (this.#events !== undefined) {
      if (sseKeepAliveMs !== undefined && silentMs >= sseKeepAliveMs) this.#keepAlive(now);
    } else if (!this.#sse && !this.#upgraded && !this.#callerPaused && silentMs >= limits.idleTimeoutMs) {
      this.fail('idle');
    }
  }

  // The caller's body, towards the server.

  data(chunk: Buffer): Flow {
    this.#requestBytes += chunk.length;
    const kept = !this.#upgraded && this.#inspector.see(chunk);
    const flow = this.#upstream?.write(chunk) ?? Flow.consumed;
    return flow === Flow.consumed && kept ? Flow.retained : flow;
  }

  end(): void {
    if (this.#upgraded) this.#endHalf();
    else this.#inspector.finish();
    this.#upstream?.end();
  }

  abort(reason: string): void {
    this.#callerGone(reason);
  }

  drain(): void {
    this.#exchange.resumeBody();
  }

  // The server's answer, towards the caller.

  interim(head: ParsedResponseHead): void {
    const led = this.#led(head);
    this.#exchange.respond(editResponseHead(head, notOfTheServer(false, led !== undefined), led ?? []));
  }

  response(head: ParsedResponseHead, first: Buffer | undefined, last: boolean): Flow {
    this.#status = head.status;
    this.#firstByteMs = this.#gateway.options.clock.monotonic() - this.#startedAt;
    if (head.status === 202 && this.#inspector.isCall) this.#gateway.noteAccepted();
    const session = head.get('mcp-session-id');
    const label = session === undefined ? undefined : this.#gateway.sessionLabel(session);
    if (label !== undefined) this.#session = label;
    this.#watch?.head(head, label, first, last, this.#inspector.call?.method);
    const add = this.#gateway.marker('ok', this.#nonce);
    this.#watchEvents(head, add);
    const forPage = this.#allowPage(add, head.get('access-control-expose-headers'));
    const led = this.#led(head);
    if (led !== undefined) add.push(...led);
    const edited = editResponseHead(head, notOfTheServer(forPage, led !== undefined), add);
    if (head.status === 101) return this.#upgrade(edited, first);
    const body = first === undefined ? undefined : this.#seen(first, last);
    const flow = this.#flow(this.#exchange.respond(edited, body, last));
    if (last) this.#finish('complete');
    return body === first ? flow : replaced(flow);
  }

  responseData(chunk: Buffer): Flow {
    this.#watch?.body(chunk, false);
    const body = this.#upgraded ? chunk : this.#seen(chunk, false);
    if (this.#upgraded) this.#responseBytes += chunk.length;
    if (body.length === 0) return Flow.consumed;
    const flow = this.#flow(this.#exchange.write(body));
    return body === chunk ? flow : replaced(flow);
  }

  responseEnd(): void {
    if (this.#upgraded) {
      this.#exchange.end();
      this.#endHalf();
      return;
    }
    const rest = this.#events?.flush();
    if (rest !== undefined && rest.length > 0) this.#exchange.write(rest);
    this.#exchange.end();
    this.#finish('complete');
  }

  failed(failure: UpstreamFailure): void {
    if (this.#over) return;
    this.#watch?.failed(failure.reason, failure.kind === 'protocol');
    if (this.#firstByteMs !== undefined) {
      // The head promised a whole body.
      this.fail(`upstream-${failure.kind}`);
      return;
    }
    this.#upstream?.abort();
    const { upstream } = this.#gateway.options;
    const answer =
      failure.kind === 'connect' ? serverDown(upstream, failure) : serverFailed(upstream, failure);
    this.#answer(answer, 'down');
    this.#finish('upstream-failed', answer.reason);
  }

  #forward(admission: Admission): void {
    const { request } = this.#exchange;
    const { hostHeader } = this.#gateway.options.upstream;
    const links = new CallerLinks(this.#gateway, this.#peer, admission);
    this.#links = links;
    this.#watch?.asked(admission.target);
    const headText = serializeRequestHead(request, {
      target: admission.target,
      drop: NOT_FOR_THE_SERVER[admission.carrier ?? 'header'],
      add: [
        'Host',
        hostHeader,
        'X-Forwarded-For',
        this.#peer.address,
        'X-Forwarded-Proto',
        this.#peer.scheme,
        'X-Forwarded-Host',
        this.#peer.host,
        // Without it a server cannot make URLs of its own that lead back through a relay which routes by path.
        ...(links.routing === '' ? [] : ['X-Forwarded-Prefix', links.routing]),
      ],
    });
    const upstream = this.#gateway.pool.request(request, headText, this);
    this.#upstream = upstream;
    if (request.upgrade !== undefined) {
      // Its bytes belong to another protocol, if the server agrees to one.
      upstream.end();
      return;
    }
    this.#exchange.readBody(this);
    upstream.flush();
  }

  #upgrade(head: ParsedResponseHead, first: Buffer | undefined): Flow {
    this.#upgraded = true;
    const flow = this.#flow(this.#exchange.respond(head, first));
    this.#exchange.readBody(this);
    return flow;
  }

  #endHalf(): void {
    if (++this.#upgradedEnds === 2) this.#finish('complete');
  }

  /** Sets up what an event stream needs, and adds its headers. */
  #watchEvents(head: ParsedResponseHead, add: string[]): void {
    if (!EVENT_STREAM.test(head.get('content-type') ?? '')) return;
    this.#sse = true;
    // nginx and those who learnt from it hold streams back without it.
    if (head.get('x-accel-buffering') === undefined) add.push('X-Accel-Buffering', 'no');
    if (head.get('cache-control') === undefined) add.push('Cache-Control', 'no-cache');
    if (head.framing.kind !== 'stream' || head.get('content-encoding') !== undefined) return;
    const mayBeLegacy = this.#exchange.request.method === 'GET';
    this.#events = new EventPassage(mayBeLegacy ? (endpoint) => this.#links?.endpoint(endpoint) : undefined);
  }

  /** Lets a page of a listed origin read the answer. @returns whether such a page asked */
  #allowPage(add: string[], exposed: string | undefined): boolean {
    const { policy } = this.#gateway;
    if (policy.listsOrigins) add.push('Vary', 'Origin');
    const origin = policy.listedOrigin(this.#exchange.request);
    if (origin === undefined) return false;
    add.push(...corsHeaders(origin, exposed));
    return true;
  }

  /** Its headers with addresses, as this caller needs them; undefined when it has none. */
  #led(head: ParsedResponseHead): string[] | undefined {
    const links = this.#links;
    return links !== undefined && hasLinks(head) ? ledHeaders(head, links.server) : undefined;
  }

  /** Counts body bytes of the answer and follows its events. @returns what to send for them */
  #seen(chunk: Buffer, last: boolean): Buffer {
    const body = this.#events?.pass(chunk, last) ?? chunk;
    if (this.#sse) this.#acceptedSeen = this.#gateway.accepted;
    this.#responseBytes += body.length;
    return body;
  }

  /** It stands open for what may come, and nothing is on its way: clients open such a stream again. */
  get #isIdleStream(): boolean {
    const events = this.#events;
    if (events === undefined || this.#callerPaused || !events.atBoundary) return false;
    if (this.#exchange.request.method !== 'GET') return this.#inspector.call?.method === LISTENS;
    return !events.namesEndpoint || this.#acceptedSeen === this.#gateway.accepted;
  }

  #endStream(): void {
    this.#upstream?.abort();
    this.#exchange.end();
    this.#finish('complete', 'drained');
  }

  #keepAlive(now: number): void {
    if (this.#callerPaused || this.#events?.atBoundary !== true) return;
    this.#since = now;
    this.#flow(this.#exchange.write(KEEP_ALIVE_COMMENT));
  }

  #flow(flow: Flow): Flow {
    if (flow === Flow.paused) this.#callerPaused = true;
    return flow;
  }

  #callerDrained(): void {
    this.#callerPaused = false;
    this.#upstream?.resume();
  }

  #callerGone(reason: string): void {
    if (this.#over) return;
    if (this.#upstream !== undefined && this.#firstByteMs === undefined)
      this.#watch?.abandoned(this.#gateway.options.clock.monotonic() - this.#since);
    this.#upstream?.abort();
    this.#finish('caller-gone', reason);
  }

  #refuse(answer: OwnAnswer): void {
    const { request } = this.#exchange;
    // The call's id, if the body is already here: a client matches the error to its call by it.
    if (isJsonPost(request) && request.framing.kind === 'length' && RPC_STATUS.has(answer.status)) {
      this.#exchange.readBody({
        data: (chunk) => (this.#inspector.see(chunk) ? Flow.retained : Flow.consumed),
        end: () => this.#inspector.finish(),
        abort: () => {},
      });
    }
    this.#answer(answer, 'n/a');
    this.#finish(answer.status < 400 ? 'complete' : 'refused', answer.reason);
  }

  #answer(answer: OwnAnswer, upstream: 'down' | 'n/a'): void {
    const rpc = RPC_STATUS.has(answer.status) && isJsonPost(this.#exchange.request);
    const marker = this.#gateway.marker(upstream, this.#nonce);
    this.#allowPage(marker, undefined);
    const { head, body } = ownAnswer(answer, marker, rpc ? this.#inspector.id : undefined);
    this.#status = answer.status;
    this.#responseBytes = body.length;
    this.#exchange.respond(head, body, true);
  }

  #finish(outcome: string, reason?: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#watch?.over(outcome === 'upstream-failed' ? reason : undefined);
    const { request } = this.#exchange;
    const { clock } = this.#gateway.options;
    const event: RequestEvent = {
      at: this.#at,
      method: request.method,
      path: loggedPath(request.target),
      status: this.#status,
      durationMs: clock.monotonic() - this.#startedAt,
      ...(this.#firstByteMs !== undefined && { firstByteMs: this.#firstByteMs }),
      requestBytes: this.#requestBytes,
      responseBytes: this.#responseBytes,
      client: this.#peer.address,
      via: this.#peer.via,
      outcome,
      ...(reason !== undefined && { reason }),
      ...(this.#links?.note !== undefined && { note: this.#links.note }),
      ...(this.#carrier !== undefined && { carrier: this.#carrier }),
      ...(this.#inspector.call !== undefined && { rpc: this.#inspector.call }),
      ...(this.#session !== undefined && { session: this.#session }),
      ...(this.#sse && { sse: true }),
      probe: this.#nonce !== undefined,
    };
    this.#gateway.finished(this, event);
  }
}

/** A call whose answer is a stream of events that may come (protocol 2026-07-28). */
const LISTENS = 'subscriptions/listen';
const CONNECT_TIMEOUT_MS = 10_000;
const EVENT_STREAM = /^text\/event-stream\b/i;

/** Failures a JSON-RPC client should get in its own words. */
const RPC_STATUS = new Set([400, 413, 431, 500, 502, 503, 504]);

/** The server's chunk was copied into another: it is free, whatever became of the copy. */
function replaced(flow: Flow): Flow {
  return flow === Flow.paused ? flow : Flow.consumed;
}
