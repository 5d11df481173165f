import { randomBytes } from 'node:crypto';
import type { TunnelConfig } from '../config/schema.ts';
import { upstreamOf } from '../config/upstream.ts';
import type { Clock } from '../core/clock.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Logger } from '../core/log.ts';
import type { RequestEvent } from '../core/request-event.ts';
import type { Secret } from '../core/secret.ts';
import type { HealthReport } from '../core/status.ts';
import { Gateway } from '../gateway/gateway.ts';
import { HealthMonitor } from '../health/monitor.ts';
import type { Absence } from './absence.ts';
import { hourly, type Schedule, scheduleRuns } from './schedule.ts';
import type { LiveSession } from './supervisor.ts';
import type { GatewayToken } from './tokens.ts';

export interface UpstreamSideOptions {
  readonly name: string;
  /** Id of this installation, in the marker headers. */
  readonly instance: string;
  readonly config: TunnelConfig;
  /** The provider's agent is another process, which dials the gateway's port. */
  readonly external: boolean;
  /** The gateway's port of the last run, where such an agent may still be waiting. */
  readonly preferredPort: number | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** What the probes of the public leg authenticate with; undefined where the tunnel has no token. */
  readonly token: () => Secret | undefined;
  /** What the probes of the local leg authenticate with at the server, if anything. */
  readonly authorization: Secret | undefined;
  readonly online: () => boolean;
  readonly onRequest: (event: RequestEvent) => void;
  readonly onReport: (report: HealthReport) => void;
  readonly onReplace: (reason: string) => void;
  readonly onExposed: (reason: string) => void;
}

/**
 * What stands in front of one upstream, whatever session carries the traffic: the gateway, the
 * monitor and its schedule. A changed configuration gets a new one; the session may outlive it.
 */
export class UpstreamSide {
  /** Whoever sends it is one of our own checks: `core/markers.ts`. */
  readonly probeKey: string;
  readonly #gateway: Gateway;
  readonly #monitor: HealthMonitor;
  readonly #gatewayUrl: URL;
  readonly #token: UpstreamSideOptions['token'];
  readonly #schedules: readonly Schedule[];

  static async open(options: UpstreamSideOptions): Promise<UpstreamSide> {
    const { config, clock, log } = options;
    const probeKey = randomBytes(24).toString('base64url');
    const upstream = upstreamOf(config);
    const gateway: Gateway = new Gateway({
      tunnel: options.name,
      instance: options.instance,
      upstream,
      access: {
        insecurePublic: config.access.insecurePublic,
        queryToken: config.access.queryToken,
        origins: config.access.origins,
      },
      probeKey,
      trustForwarded: options.external,
      limits: {
        concurrency: config.limits.concurrency,
        connections: config.limits.connections,
        firstByteTimeoutMs: config.limits.firstByteTimeout,
        idleTimeoutMs: config.limits.idleTimeout,
      },
      sseKeepAliveMs: config.sseKeepAlive === 'off' ? undefined : config.sseKeepAlive,
      clock,
      log,
      onRequest: options.onRequest,
      onSign: (sign) => monitor.noteSign(sign),
    });
    const monitor = new HealthMonitor({
      upstream,
      mode: config.health.probe,
      timeoutMs: config.health.timeout,
      instance: options.instance,
      probeKey,
      token: options.token,
      authorization: options.authorization,
      visitorStreams: () => gateway.visitorStreams,
      clock,
      random: options.random,
      log,
      online: async () => options.online(),
      onReport: options.onReport,
      onReplace: options.onReplace,
      onExposed: options.onExposed,
    });
    const gatewayUrl = await gateway.listen(options.external ? options.preferredPort : undefined);
    return new UpstreamSide(options, gateway, gatewayUrl, monitor, probeKey);
  }

  private constructor(
    { config, random, token }: UpstreamSideOptions,
    gateway: Gateway,
    gatewayUrl: URL,
    monitor: HealthMonitor,
    probeKey: string,
  ) {
    this.probeKey = probeKey;
    this.#gateway = gateway;
    this.#gatewayUrl = gatewayUrl;
    this.#token = token;
    this.#monitor = monitor;
    this.#schedules = [
      scheduleRuns(config.health.schedule, () => monitor.tick()),
      // Something else may have taken over the public address since the session opened.
      scheduleRuns(hourly(random), () => void monitor.checkExposure()),
    ];
  }

  get health(): HealthReport {
    return this.#monitor.report;
  }

  /** The gateway over loopback TCP. */
  get gatewayUrl(): URL {
    return this.#gatewayUrl;
  }

  /** Exchanges in flight. */
  get active(): number {
    return this.#gateway.active;
  }

  /** Makes a request a probe of ours, for edges that look at us when asked. */
  probeHeaders(nonce: string): readonly string[] {
    return this.#gateway.probeHeaders(nonce, this.#token());
  }

  accept(exchange: Exchange): void {
    this.#gateway.accept(exchange);
  }

  setTokens(tokens: readonly GatewayToken[]): void {
    this.#gateway.setTokens(tokens);
  }

  /** A session is about to open: its visitors may come before it counts as open. */
  urlKnown(publicUrl: URL): void {
    this.#gateway.setPublicUrl(publicUrl);
  }

  sessionOpened({ publicUrl, askEdge }: Pick<LiveSession, 'publicUrl' | 'askEdge'>): void {
    this.#gateway.setPublicUrl(publicUrl);
    this.#monitor.sessionOpened(publicUrl, askEdge);
  }

  sessionClosed(): void {
    this.#gateway.setPublicUrl(undefined);
    this.#monitor.sessionClosed();
  }

  /** Why there is no session; counts until there is one. */
  sessionMissing(why: Absence): void {
    this.#monitor.sessionMissing(why);
  }

  /** The machine slept, its clock was set, or its network changed: looks at both legs soon. */
  wake(reason: string): void {
    for (const schedule of this.#schedules) schedule.rearm();
    this.#monitor.wake(reason);
  }

  /** Refuses what is new and waits for what is in flight, at most `timeoutMs`. */
  drain(timeoutMs: number): Promise<void> {
    return this.#gateway.drain(timeoutMs);
  }

  async close(): Promise<void> {
    for (const schedule of this.#schedules) schedule.stop();
    await Promise.all([this.#monitor.stop(), this.#gateway.close()]);
  }
}
