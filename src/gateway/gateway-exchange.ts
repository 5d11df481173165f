import type { Admission } from '../access/carriers.ts';
import { type BodySink, type Exchange, Flow, type Peer } from '../core/exchange.ts';
import { PROBE_HEADER } from '../core/markers.ts';
import type { ParsedResponseHead } from '../http1/response-head.ts';
import type { UpstreamExchange, UpstreamFailure, UpstreamReceiver } from '../http1/upstream-exchange.ts';
import { admit } from './admission.ts';
import { type AnswerWatch, watchOf } from './answer-watch.ts';
import { AnswerWriter } from './answer-writer.ts';
import { isRpcError, type OwnAnswer } from './answers.ts';
import { CallerLinks } from './caller-links.ts';
import type { ExchangeContext, RunningExchange } from './exchange-context.ts';
import { callerOf } from './forwarded.ts';
import { probeNonce } from './probe.ts';
import { RequestRecord } from './request-record.ts';
import { RpcInspector } from './rpc-inspector.ts';
import { serverRequestHead } from './server-request.ts';
import { Silence } from './silence.ts';
import { serverDown, serverFailed, serverSilent } from './upstream-answers.ts';

/** One request on its way to the server, and the answer on its way back. */
export class GatewayExchange implements BodySink, UpstreamReceiver, RunningExchange {
  readonly #gateway: ExchangeContext;
  readonly #exchange: Exchange;
  readonly #peer: Peer;
  readonly #record: RequestRecord;
  readonly #inspector: RpcInspector;
  readonly #answer: AnswerWriter;
  /** Absent for our own probes: what they see they tell themselves. */
  readonly #watch: AnswerWatch | undefined;
  readonly #silence: Silence;
  #upstream: UpstreamExchange | undefined;
  #upgraded = false;
  #upgradedEnds = 0;
  #over = false;
  /** An event stream ends once it is idle. */
  #leaving = false;

  constructor(gateway: ExchangeContext, exchange: Exchange) {
    const { clock, probeKey } = gateway.options;
    const { request } = exchange;
    this.#gateway = gateway;
    this.#exchange = exchange;
    this.#peer = callerOf(request, exchange.peer, gateway.trustForwarded);
    const nonce = probeNonce(request.get(PROBE_HEADER), probeKey);
    this.#record = new RequestRecord(request, this.#peer, clock, nonce !== undefined);
    this.#answer = new AnswerWriter(gateway, exchange, this.#record, nonce);
    this.#silence = new Silence(this.#record.startedAt);
    this.#inspector = new RpcInspector(request);
    const session = request.get('mcp-session-id');
    if (session !== undefined) this.#record.session = gateway.sessionLabel(session);
    if (!this.probe) this.#watch = watchOf(gateway, request, this.#peer, this.#record.session);
    exchange.onClose = (reason) => this.#callerGone(reason);
    exchange.onDrain = () => this.#callerDrained();
  }

  get probe(): boolean {
    return this.#record.probe;
  }

  get over(): boolean {
    return this.#over;
  }

  leave(): void {
    this.#leaving = true;
    if (this.#isIdleStream) this.#endStream();
  }

  /** Checks the request and sends it on, or answers it. */
  start(): void {
    const admission = admit(this.#gateway, this.#exchange.request, this.probe);
    this.#record.carrier = admission.carrier;
    if ('answer' in admission) {
      this.#refuse(admission.answer);
      return;
    }
    this.#forward(admission);
  }

  get streamsToVisitor(): boolean {
    const { sse, status } = this.#record;
    return sse && status < 400 && this.#peer.via === 'provider' && !this.probe;
  }

  fail(reason: string): void {
    if (this.#over) return;
    this.#upstream?.abort();
    this.#exchange.abort(reason);
    this.#finish('upstream-failed', reason);
  }

  check(now: number): void {
    const upstream = this.#upstream;
    if (upstream === undefined) return;
    const silentMs = this.#silence.lasting(upstream.progress + this.#record.requestBytes, now);
    if (silentMs === undefined) return;
    if (this.#leaving && this.#isIdleStream) {
      this.#endStream();
      return;
    }
    const { limits, sseKeepAliveMs } = this.#gateway.options;
    if (!this.#answered) {
      this.#watch?.silent(silentMs);
      if (!upstream.connected && silentMs >= CONNECT_TIMEOUT_MS) {
        this.failed({ kind: 'connect', reason: 'connect-timeout' });
      } else if (silentMs >= limits.firstByteTimeoutMs) {
        upstream.abort();
        this.#answer.own(
          serverSilent(this.#gateway.options.upstream, limits.firstByteTimeoutMs),
          'down',
          this.#inspector,
        );
        this.#finish('upstream-failed', 'first-byte-timeout');
      }
    } else if (this.#answer.isEventStream) {
      const due = sseKeepAliveMs !== undefined && silentMs >= sseKeepAliveMs;
      if (due && this.#answer.keepAlive()) this.#silence.interrupted(now);
    } else if (this.#mayStall && silentMs >= limits.idleTimeoutMs) {
      this.fail('idle');
    }
  }

  // The caller's body, towards the server.

  data(chunk: Buffer): Flow {
    this.#record.requestBytes += chunk.length;
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
    this.#answer.interim(head);
  }

  response(head: ParsedResponseHead, first: Buffer | undefined, last: boolean): Flow {
    this.#record.answered(head.status);
    if (head.status === 202 && this.#inspector.isCall) this.#gateway.noteAccepted();
    const session = head.get('mcp-session-id');
    const label = session === undefined ? undefined : this.#gateway.sessionLabel(session);
    if (label !== undefined) this.#record.session = label;
    this.#watch?.head(head, label, first, last, this.#inspector.call?.method);
    const flow = this.#answer.head(head, first, last);
    if (head.status === 101) {
      this.#upgraded = true;
      this.#exchange.readBody(this);
    } else if (last) this.#finish('complete');
    return flow;
  }

  responseData(chunk: Buffer): Flow {
    this.#watch?.body(chunk, false);
    return this.#upgraded ? this.#answer.raw(chunk) : this.#answer.body(chunk);
  }

  responseEnd(): void {
    if (this.#upgraded) {
      this.#exchange.end();
      this.#endHalf();
      return;
    }
    this.#answer.end();
    this.#finish('complete');
  }

  failed(failure: UpstreamFailure): void {
    if (this.#over) return;
    this.#watch?.failed(failure.reason, failure.kind === 'protocol');
    if (this.#answered) {
      // The head promised a whole body.
      this.fail(`upstream-${failure.kind}`);
      return;
    }
    this.#upstream?.abort();
    const { upstream } = this.#gateway.options;
    const answer =
      failure.kind === 'connect' ? serverDown(upstream, failure) : serverFailed(upstream, failure);
    this.#answer.own(answer, 'down', this.#inspector);
    this.#finish('upstream-failed', answer.reason);
  }

  #forward(admission: Admission): void {
    const { request } = this.#exchange;
    const { hostHeader } = this.#gateway.options.upstream;
    const links = new CallerLinks(this.#gateway, this.#peer, admission);
    this.#answer.links = links;
    this.#watch?.asked(admission.target);
    const headText = serverRequestHead(request, admission, this.#peer, hostHeader, links.routing);
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

  #endHalf(): void {
    if (++this.#upgradedEnds === 2) this.#finish('complete');
  }

  /** The server's response head arrived. */
  get #answered(): boolean {
    return this.#record.firstByteMs !== undefined;
  }

  get #isIdleStream(): boolean {
    return this.#answer.isIdleStream(this.#inspector);
  }

  /** A body of the server's is under way that must not be silent for long. */
  get #mayStall(): boolean {
    return !this.#record.sse && !this.#upgraded && !this.#answer.paused;
  }

  #endStream(): void {
    this.#upstream?.abort();
    this.#exchange.end();
    this.#finish('complete', 'drained');
  }

  #callerDrained(): void {
    this.#answer.drained();
    this.#upstream?.resume();
  }

  #callerGone(reason: string): void {
    if (this.#over) return;
    if (this.#upstream !== undefined && !this.#answered)
      this.#watch?.abandoned(this.#silence.sinceSeen(this.#gateway.options.clock.monotonic()));
    this.#upstream?.abort();
    this.#finish('caller-gone', reason);
  }

  #refuse(answer: OwnAnswer): void {
    const { request } = this.#exchange;
    // The call's id, if the body is already here: a client matches the error to its call by it.
    if (request.framing.kind === 'length' && isRpcError(answer, request)) {
      this.#exchange.readBody(this.#inspector.sink);
    }
    this.#answer.own(answer, 'n/a', this.#inspector);
    this.#finish(answer.status < 400 ? 'complete' : 'refused', answer.reason);
  }

  #finish(outcome: string, reason?: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#watch?.over(outcome === 'upstream-failed' ? reason : undefined);
    const { call: rpc } = this.#inspector;
    const event = this.#record.event({ outcome, reason, note: this.#answer.links?.note, rpc });
    this.#gateway.finished(this, event);
  }
}

const CONNECT_TIMEOUT_MS = 10_000;
