import type { Socket } from 'node:net';
import { CallerPolicy } from '../access/caller-policy.ts';
import { TOKEN_HEADER } from '../access/carriers.ts';
import { type AccessToken, TokenTable } from '../access/token-table.ts';
import type { Timer } from '../core/clock.ts';
import type { Exchange, Peer, RequestHead } from '../core/exchange.ts';
import { INSTANCE_HEADER, PROBE_HEADER, UPSTREAM_HEADER } from '../core/markers.ts';
import type { RequestEvent } from '../core/request-event.ts';
import type { Secret } from '../core/secret.ts';
import { sha256Hex } from '../core/sha256.ts';
import { Http1Server } from '../http1/server.ts';
import type { RefusedRequest } from '../http1/server-options.ts';
import { UpstreamPool } from '../http1/upstream-pool.ts';
import { type OwnAnswer, ownAnswer } from './answers.ts';
import type { ExchangeContext, RunningExchange } from './exchange-context.ts';
import { GatewayExchange } from './gateway-exchange.ts';
import type { GatewayOptions, GatewaySettings } from './gateway-options.ts';
import { ServerNames } from './server-names.ts';

/**
 * The proxy in front of one MCP server. Every session of every provider ends here: over TCP through
 * the gateway's own port, or in process through `accept`.
 */
export class Gateway implements ExchangeContext {
  options: GatewayOptions;
  readonly tokens: TokenTable;
  readonly policy: CallerPolicy;
  readonly serverNames: ServerNames;
  readonly pool: UpstreamPool;
  readonly #server: Http1Server;
  readonly #active = new Set<RunningExchange>();
  #sweepEveryMs: number;
  #sweeper: Timer | undefined;
  #trustForwarded: boolean;
  #total = 0;
  #callers = 0;
  #draining = false;
  readonly #sessionLabels = new Map<string, string>();
  #acceptedCalls = 0;
  #onFinished: (() => void) | undefined;

  constructor(options: GatewayOptions) {
    this.options = options;
    this.tokens = new TokenTable(options.clock);
    this.policy = new CallerPolicy(options.access.origins);
    this.serverNames = new ServerNames(options.upstream);
    this.pool = new UpstreamPool({ ...options.upstream, clock: options.clock });
    this.#trustForwarded = options.trustForwarded ?? false;
    const { idleTimeoutMs, connections } = options.limits;
    this.#sweepEveryMs = sweepEveryMs(options);
    this.#server = new Http1Server({
      handler: (exchange) => this.accept(exchange),
      peerOf: directPeer,
      descriptorsEach: 2,
      limits: { connections, bodyStallMs: idleTimeoutMs, ...options.server },
      clock: options.clock,
      log: options.log,
      answerRefused: (refused) => this.#answerRefused(refused),
    });
  }

  /** Exchanges in flight. */
  get active(): number {
    return this.#active.size;
  }

  /** Requests since the start, probes not counted. */
  get total(): number {
    return this.#total;
  }

  get callers(): number {
    return this.#callers;
  }

  get acceptedCalls(): number {
    return this.#acceptedCalls;
  }

  noteAccepted(): void {
    this.#acceptedCalls++;
  }

  /** Event streams of the server that visitors have open through the public URL. */
  get visitorStreams(): number {
    let open = 0;
    for (const each of this.#active) if (each.streamsToVisitor) open++;
    return open;
  }

  get draining(): boolean {
    return this.#draining;
  }

  get trustForwarded(): boolean {
    return this.#trustForwarded;
  }

  /**
   * Opens the gateway's own port, on loopback only.
   *
   * @param preferred what an agent of an earlier run may still dial; another is taken when it is in use.
   * @returns `http://127.0.0.1:PORT`
   */
  async listen(preferred = 0): Promise<URL> {
    const at = (wanted: number) => this.#server.listen({ host: '127.0.0.1', port: wanted });
    const { port } = await at(preferred).catch((error: unknown) => {
      if (preferred === 0) throw error;
      return at(0);
    });
    this.policy.ownPort = port;
    return new URL(`http://127.0.0.1:${port}`);
  }

  /** Takes an exchange, whatever carried it. */
  accept(exchange: Exchange): void {
    const running = new GatewayExchange(this, exchange);
    this.#active.add(running);
    if (!running.probe) this.#callers++;
    this.#sweeper ??= this.options.clock.setTimer(this.#sweep, this.#sweepEveryMs);
    running.start();
  }

  /** Replaces the tokens that open the tunnel. None: no caller gets in. */
  setTokens(tokens: readonly AccessToken[]): void {
    this.tokens.set(tokens);
  }

  /** Where visitors reach the tunnel now: its host is accepted, its path prefixes URLs we hand out. */
  setPublicUrl(url: URL | undefined): void {
    this.policy.publicUrl = url;
  }

  /** Exchanges in flight go on, under the new limits and time-outs. */
  reconfigure(settings: GatewaySettings): void {
    this.options = { ...this.options, ...settings };
    const { connections, idleTimeoutMs } = settings.limits;
    this.#server.setLimits({ connections, bodyStallMs: idleTimeoutMs, ...this.options.server });
    this.policy.setOrigins(settings.access.origins);
    this.#sweepEveryMs = sweepEveryMs(settings);
  }

  /** See `GatewayOptions.trustForwarded`. */
  setForwardedTrust(trusted: boolean): void {
    this.#trustForwarded = trusted;
  }

  /**
   * Ends idle event streams, lets what is in flight finish, then ends what is left after `timeoutMs`
   * (milliseconds). Calls are taken for as long as one is waited for that was there before.
   */
  async drain(timeoutMs: number): Promise<void> {
    const { clock } = this.options;
    const until = clock.monotonic() + timeoutMs;
    const before = this.#leaving();
    await this.#finishedBy(until, () => before.every((exchange) => exchange.over));
    this.#draining = true;
    this.#leaving();
    await this.#finishedBy(until, () => this.#callers === 0);
    // What is over may still wait to be sent; the server waits for that.
    for (const exchange of this.#active) exchange.fail('drained');
    await this.#server.drain(this.#server.connections > 0 ? DRAIN_CONNECTIONS_MS : 0);
    await this.close();
  }

  /** Has event streams end as soon as they are idle. @returns the callers that are in flight */
  #leaving(): readonly RunningExchange[] {
    const callers = [...this.#active].filter((exchange) => !exchange.probe);
    for (const exchange of callers) exchange.leave();
    return callers;
  }

  /** Waits until it is so, looking after each exchange that ends, or until then (monotonic milliseconds). */
  async #finishedBy(until: number, isSo: () => boolean): Promise<void> {
    const { clock } = this.options;
    const leftMs = until - clock.monotonic();
    if (isSo() || leftMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(resolve, leftMs);
      this.#onFinished = () => {
        if (!isSo()) return;
        timer.cancel();
        resolve();
      };
    });
    this.#onFinished = undefined;
  }

  /** Ends everything at once. Idempotent. */
  async close(): Promise<void> {
    this.#draining = true;
    for (const exchange of this.#active) exchange.fail('closed');
    this.#sweeper?.cancel();
    this.pool.close();
    await this.#server.close();
  }

  finished(exchange: RunningExchange, event: RequestEvent): void {
    this.#active.delete(exchange);
    if (!exchange.probe) {
      this.#total++;
      this.#callers--;
    }
    this.options.onRequest(event);
    this.#onFinished?.();
  }

  /** Headers that make a request a probe of ours, name and value alternating. They are secret. */
  probeHeaders(nonce: string, token: Secret | undefined): readonly string[] {
    const shown = token === undefined ? [] : [TOKEN_HEADER, token.reveal()];
    return [PROBE_HEADER, `${this.options.probeKey}.${nonce}`, ...shown];
  }

  marker(upstream: 'ok' | 'down' | 'n/a', probeNonce: string | undefined): string[] {
    const marker = [INSTANCE_HEADER, this.options.instance, UPSTREAM_HEADER, upstream];
    if (probeNonce !== undefined) marker.push(PROBE_HEADER, probeNonce);
    return marker;
  }

  sessionLabel(id: string): string {
    let label = this.#sessionLabels.get(id);
    if (label === undefined) {
      if (this.#sessionLabels.size >= MAX_SESSION_LABELS) this.#sessionLabels.clear();
      label = sha256Hex(id, 'latin1').slice(0, 12);
      this.#sessionLabels.set(id, label);
    }
    return label;
  }

  /** One timer for every exchange: nothing looks at a clock while bytes flow. */
  readonly #sweep = (): void => {
    this.#sweeper = undefined;
    const now = this.options.clock.monotonic();
    for (const exchange of this.#active) exchange.check(now);
    if (this.#active.size > 0) {
      this.#sweeper = this.options.clock.setTimer(this.#sweep, this.#sweepEveryMs);
    }
  };

  #answerRefused(refused: RefusedRequest) {
    const answer: OwnAnswer = {
      status: refused.status,
      reason: refused.reason,
      description: `The request was refused: ${refused.reason}.`,
    };
    if (!this.#draining) this.#reportRefused(refused);
    return ownAnswer(answer, this.marker('n/a', undefined), 'null');
  }

  #reportRefused({ status, reason, address }: RefusedRequest): void {
    this.#total++;
    this.options.onRequest({
      at: this.options.clock.now(),
      method: '',
      path: '',
      status,
      durationMs: 0,
      requestBytes: 0,
      responseBytes: 0,
      client: address,
      via: 'local',
      outcome: 'refused',
      reason,
      probe: false,
    });
  }
}

/** Often enough for the shortest of the time-outs (milliseconds). */
function sweepEveryMs({ limits, sseKeepAliveMs }: GatewaySettings): number {
  const { firstByteTimeoutMs, idleTimeoutMs } = limits;
  const shortest = Math.min(firstByteTimeoutMs, idleTimeoutMs, sseKeepAliveMs ?? idleTimeoutMs);
  return Math.max(5, Math.min(1_000, shortest / 8));
}

const MAX_SESSION_LABELS = 512;
const DRAIN_CONNECTIONS_MS = 250;

function directPeer(socket: Socket, request: RequestHead): Peer {
  return {
    address: socket.remoteAddress ?? '',
    scheme: 'http',
    host: request.get('host') ?? '',
    via: 'local',
  };
}
