import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { TunnelConfig } from '../config/schema.ts';
import type { Clock } from '../core/clock.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Logger } from '../core/log.ts';
import type { RequestEvent } from '../core/request-event.ts';
import type { Secret } from '../core/secret.ts';
import type { HealthReport } from '../core/status.ts';
import { Gateway } from '../gateway/gateway.ts';
import type { GatewaySettings } from '../gateway/gateway-options.ts';
import { HealthMonitor } from '../health/monitor.ts';
import { findKind } from '../providers/kinds.ts';
import type { LocalServer } from '../servers/server.ts';
import type { Absence } from './absence.ts';
import type { LiveSession } from './live-session.ts';
import { serverFacts } from './local-server.ts';
import { hourly, type Schedule, scheduleRuns } from './schedule.ts';
import { resultOf } from './server-result.ts';
import type { GatewayToken } from './tokens.ts';

export interface UpstreamSideOptions {
  readonly name: string;
  /** Id of this installation, in the marker headers. */
  readonly instance: string;
  readonly config: TunnelConfig;
  /** Started before, and stopped by this side. */
  readonly server: LocalServer;
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

/** What of a tunnel's configuration concerns its server's side, secrets resolved. */
export interface SideSettings {
  readonly config: TunnelConfig;
  /** What the probes of the local leg authenticate with at the server, if anything. */
  readonly authorization: Secret | undefined;
}

/**
 * What stands in front of one upstream, whatever session carries the traffic: the gateway, the
 * monitor and its schedule. Another address needs another one; everything else is applied to what
 * runs. The session may outlive it.
 */
export class UpstreamSide {
  /** Requests that carry it are our own checks: `core/markers.ts`. */
  readonly probeKey = randomBytes(24).toString('base64url');
  readonly #options: UpstreamSideOptions;
  readonly #gateway: Gateway;
  #monitor: HealthMonitor;
  #settings: SideSettings;
  #gatewayUrl: URL | undefined;
  #schedule: Schedule;
  readonly #exposureSchedule: Schedule;
  /** Of the session that is open, for a monitor that comes later. */
  #session: Pick<LiveSession, 'publicUrl' | 'askEdge'> | undefined;
  /** Monitors that were replaced, until their last probe is over. */
  readonly #leaving = new Set<Promise<void>>();

  static async open(options: UpstreamSideOptions): Promise<UpstreamSide> {
    const { server } = options;
    await server.start();
    try {
      const side = new UpstreamSide(options);
      side.#gatewayUrl = await side.#gateway.listen(options.external ? options.preferredPort : undefined);
      return side;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  private constructor(options: UpstreamSideOptions) {
    const { name, instance, config, external, clock, random, log, onRequest } = options;
    this.#options = options;
    this.#settings = { config, authorization: options.authorization };
    this.#gateway = new Gateway({
      tunnel: name,
      instance,
      upstream: options.server.place,
      probeKey: this.probeKey,
      trustForwarded: trustsForwarded(config, external),
      ...gatewaySettings(config),
      clock,
      log,
      onRequest,
      onSign: (sign) => this.#monitor.noteSign(sign),
    });
    this.#monitor = this.#newMonitor();
    this.#schedule = this.#newSchedule();
    // Something else may have taken over the public address since the session opened.
    this.#exposureSchedule = scheduleRuns(hourly(random), () => void this.#monitor.checkExposure());
  }

  /**
   * Whether `reconfigure` can make this the side of `config`: the server is where it was.
   *
   * @param reread a program has to be started anew, with what its references stand for now
   */
  fits(config: TunnelConfig, external: boolean, reread: boolean): boolean {
    const { config: last } = this.#settings;
    if (reread && config.command !== undefined) return false;
    return external === this.#options.external && isDeepStrictEqual(serverFacts(last), serverFacts(config));
  }

  /** Applies a changed configuration to what runs; exchanges in flight go on. Only when it `fits`. */
  reconfigure(next: SideSettings): void {
    const { config: last, authorization } = this.#settings;
    this.#settings = next;
    this.#gateway.reconfigure(gatewaySettings(next.config));
    this.#gateway.setForwardedTrust(trustsForwarded(next.config, this.#options.external));
    const { schedule: lastSchedule, ...lastProbes } = last.health;
    const { schedule, ...probes } = next.config.health;
    const sameSecret = authorization?.reveal() === next.authorization?.reveal();
    if (!isDeepStrictEqual(lastProbes, probes) || !sameSecret) this.#replaceMonitor();
    if (schedule === lastSchedule) return;
    this.#schedule.stop();
    this.#schedule = this.#newSchedule();
  }

  #replaceMonitor(): void {
    const leaving = this.#monitor.stop().finally(() => void this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
    this.#monitor = this.#newMonitor();
    if (this.#session !== undefined)
      this.#monitor.sessionOpened(this.#session.publicUrl, this.#session.askEdge);
    else this.#monitor.wake('the probes changed');
  }

  #newMonitor(): HealthMonitor {
    const { instance, token, clock, random, log, online, server } = this.#options;
    const { state } = server;
    const { config, authorization } = this.#settings;
    const current = (act: () => void) => {
      // One that was replaced winds down its probes, and has no say any more.
      if (this.#monitor === monitor) act();
    };
    const monitor: HealthMonitor = new HealthMonitor({
      upstream: server.probed ?? server.place,
      ownState: state === undefined ? undefined : () => resultOf(state(), clock.now()),
      // Behind a bridge a question would be a session.
      mode: server.probed === undefined ? config.health.probe : 'tcp',
      timeoutMs: config.health.timeout,
      instance,
      probeKey: this.probeKey,
      token,
      authorization,
      judgePage: (page) => findKind(this.#settings.config.provider)?.judgePage?.(page),
      visitorStreams: () => this.#gateway.visitorStreams,
      clock,
      random,
      log,
      online: async () => online(),
      onReport: (report) => current(() => this.#options.onReport(report)),
      onReplace: (reason) => current(() => this.#options.onReplace(reason)),
      onExposed: (reason) => current(() => this.#options.onExposed(reason)),
    });
    return monitor;
  }

  #newSchedule(): Schedule {
    return scheduleRuns(this.#settings.config.health.schedule, () => this.#monitor.tick());
  }

  get health(): HealthReport {
    return this.#monitor.report;
  }

  /** The gateway over loopback TCP. */
  get gatewayUrl(): URL {
    if (this.#gatewayUrl === undefined) throw new Error('The gateway does not listen yet');
    return this.#gatewayUrl;
  }

  /** Its server was started by us. */
  get runsProgram(): boolean {
    return this.#options.server.state !== undefined;
  }

  /** Exchanges in flight. */
  get active(): number {
    return this.#gateway.active;
  }

  /** Makes a request a probe of ours, for edges that look at us when asked. */
  probeHeaders(nonce: string): readonly string[] {
    return this.#gateway.probeHeaders(nonce, this.#options.token());
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

  sessionOpened(session: Pick<LiveSession, 'publicUrl' | 'askEdge'>): void {
    const { publicUrl, askEdge } = session;
    this.#session = session;
    this.#gateway.setPublicUrl(publicUrl);
    this.#monitor.sessionOpened(publicUrl, askEdge);
  }

  sessionClosed(): void {
    this.#session = undefined;
    this.#gateway.setPublicUrl(undefined);
    this.#monitor.sessionClosed();
  }

  /** Why there is no session; counts until there is one. */
  sessionMissing(why: Absence): void {
    this.#monitor.sessionMissing(why);
  }

  /** The machine slept, its clock was set, or its network changed: looks at both legs soon. */
  wake(reason: string): void {
    for (const schedule of [this.#schedule, this.#exposureSchedule]) schedule.rearm();
    this.#monitor.wake(reason);
  }

  /** The server is up to something else: looks at it soon. */
  serverChanged(): void {
    this.#monitor.wake('the server changed');
  }

  /** Refuses what is new and waits for what is in flight, at most `timeoutMs`. */
  drain(timeoutMs: number): Promise<void> {
    return this.#gateway.drain(timeoutMs);
  }

  async close(): Promise<void> {
    for (const schedule of [this.#schedule, this.#exposureSchedule]) schedule.stop();
    await Promise.all([this.#monitor.stop(), ...this.#leaving, this.#gateway.close()]);
    await this.#options.server.stop();
  }
}

/** Only what the edge writes itself is believed; anything else could be the caller's own. */
function trustsForwarded({ provider }: TunnelConfig, external: boolean): boolean {
  return external && findKind(provider)?.edge.writesForwarded === true;
}

function gatewaySettings({ access, limits, sseKeepAlive }: TunnelConfig): GatewaySettings {
  return {
    access: {
      insecurePublic: access.insecurePublic,
      queryToken: access.queryToken,
      origins: access.origins,
    },
    limits: {
      concurrency: limits.concurrency,
      connections: limits.connections,
      firstByteTimeoutMs: limits.firstByteTimeout,
      idleTimeoutMs: limits.idleTimeout,
    },
    sseKeepAliveMs: sseKeepAlive === 'off' ? undefined : sseKeepAlive,
  };
}
