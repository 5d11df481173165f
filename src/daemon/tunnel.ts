import { maskSecrets, secretValuesOf } from '../config/config-secrets.ts';
import type { TunnelConfig } from '../config/schema.ts';
import type { StoredToken } from '../config/state-schema.ts';
import type { Diagnosis, TunnelInspection } from '../control/api.ts';
import type { Logger } from '../core/log.ts';
import type { Secret } from '../core/secret.ts';
import type { HealthReport, ReportedError, TunnelStatus } from '../core/status.ts';
import type { OpenRequest, SessionOwner } from '../providers/provider.ts';
import { absenceOf, absenceParts } from './absence.ts';
import { diagnose } from './diagnosis.ts';
import { openRequest } from './open-request.ts';
import { type ConfiguredProvider, fitsBasis, type ProviderBasis, providerBasis } from './provider-setup.ts';
import { Supervisor } from './supervisor.ts';
import { Traffic } from './traffic.ts';
import { TunnelAccess } from './tunnel-access.ts';
import type { TunnelDefinition } from './tunnel-definition.ts';
import { TunnelJournal } from './tunnel-journal.ts';
import type { StateChange } from './tunnel-state.ts';
import { idleHealth, statusOf } from './tunnel-status.ts';
import type { UpstreamSide } from './upstream-side.ts';
import { UpstreamSides, type UpstreamSidesOptions } from './upstream-sides.ts';

type OfTheServersSide =
  | 'instance'
  | 'env'
  | 'server'
  | 'clock'
  | 'random'
  | 'drainMs'
  | 'lastGatewayPort'
  | 'onGatewayPort';

export interface TunnelDeps extends Pick<UpstreamSidesOptions, OfTheServersSide> {
  /** Marks what providers leave outside this process as ours. */
  readonly owner: SessionOwner;
  /** This tunnel's own log. */
  readonly log: Logger;
  /** @throws {TunneldError} `PROVIDER_UNKNOWN`, `SECRET_UNAVAILABLE` */
  readonly provider: (config: TunnelConfig) => Promise<ConfiguredProvider>;
  readonly online: (config: TunnelConfig) => boolean;
  /** Takes known secrets out of what providers and servers wrote. */
  readonly clean: (text: string) => string;
  readonly onSecret: (secret: Secret) => void;
  readonly onChange: (status: TunnelStatus) => void;
}

/** One tunnel: what is wanted of it, what became of that, and the parts that make it so. */
export class Tunnel {
  readonly name: string;
  readonly traffic = new Traffic();
  readonly #deps: TunnelDeps;
  readonly #access: TunnelAccess;
  readonly #sides: UpstreamSides;
  #definition: TunnelDefinition;
  #supervisor: Supervisor | undefined;
  #configured: (ConfiguredProvider & { readonly request: OpenRequest }) | undefined;
  #providerBasis: ProviderBasis | undefined;
  /** Why the tunnel could not even be set up. */
  #blocked: ReportedError | undefined;
  #health: HealthReport;
  readonly #journal: TunnelJournal;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(name: string, definition: TunnelDefinition, deps: TunnelDeps) {
    this.name = name;
    this.#definition = definition;
    this.#deps = deps;
    const generation = () => this.#supervisor?.session?.generation ?? 0;
    this.#access = new TunnelAccess({ ...deps, definition: () => this.#definition });
    this.#sides = new UpstreamSides({
      ...deps,
      name,
      access: this.#access,
      online: () => deps.online(this.#definition.config),
      onRequest: (event) => {
        this.traffic.note(event);
        this.#journal.requestDone(event);
      },
      onReport: (report) => this.#healthReported(report),
      // Reasons of the monitor's are about the session that is live.
      onReplace: (reason) => this.#supervisor?.unhealthy(generation(), reason),
      onExposed: (reason) => this.#supervisor?.exposed(generation(), reason),
    });
    this.#health = idleHealth(deps.clock.now());
    this.#journal = new TunnelJournal(deps.log, deps.clean);
  }

  get #side(): UpstreamSide | undefined {
    return this.#sides.current;
  }

  get definition(): TunnelDefinition {
    return this.#definition;
  }

  get status(): TunnelStatus {
    return statusOf({
      name: this.name,
      definition: this.#definition,
      supervisor: this.#supervisor,
      blocked: this.#blocked,
      health: this.#health,
      requests: { total: this.traffic.requests, active: this.#side?.active ?? 0 },
      clean: this.#deps.clean,
    });
  }

  /** Marks our own checks; undefined while there is no gateway. */
  get probeKey(): string | undefined {
    return this.#side?.probeKey;
  }

  get inspection(): TunnelInspection {
    return {
      status: this.status,
      config: maskSecrets(this.#definition.config),
      history: this.#journal.history,
      gatewayUrl: this.#side?.gatewayUrl.href ?? '',
    };
  }

  /** Looks at what the session stands on. Never rejects for what it finds. */
  diagnose(): Promise<Diagnosis> {
    return diagnose(this.#side && this.#configured, this.#health);
  }

  /**
   * Makes the tunnel what `definition` says. The session is kept wherever it can carry the new
   * configuration.
   *
   * @param reread what the provider's references stand for may have changed, and counts
   * @throws {TunneldError} `PROVIDER_UNKNOWN`, `SECRET_UNAVAILABLE`; the status shows it as well.
   */
  apply(definition: TunnelDefinition, cause: string, { reread = false } = {}): Promise<void> {
    this.#definition = definition;
    return this.#inTurn(async () => {
      try {
        if (definition.desired === 'down') await this.#down(cause);
        else await this.#up(cause, reread);
        this.#blocked = undefined;
      } catch (error) {
        this.#blocked = { ...this.#journal.notSetUp(error), at: this.#deps.clock.now() };
        throw error;
      } finally {
        this.#publish();
      }
    });
  }

  /** Reads every reference anew and replaces the session now; cuts a back-off short; leaves `failed`. */
  async restart(definition: TunnelDefinition, cause: string): Promise<void> {
    const running = this.#side === undefined ? undefined : this.#supervisor;
    await this.apply(definition, cause, { reread: true });
    // A provider that was made anew opens a session by itself.
    if (running === this.#supervisor) running?.restart(cause);
  }

  /** The tokens changed: both gateways, ours and (with the next session) the provider's, follow. */
  setTokens(tokens: readonly StoredToken[]): void {
    this.#definition = { ...this.#definition, tokens };
    this.#tellAccess();
  }

  /** Gateway, session and provider learn who may call. */
  #tellAccess(): void {
    this.#side?.setTokens(this.#access.gatewayTokens);
    this.#access.changed();
    this.#teachProvider();
  }

  /** A session whose edge checks tokens knows those it was opened with; a newer one needs a new session. */
  #teachProvider(): void {
    if (this.#supervisor?.session === undefined || this.#configured?.checksTokens !== true) return;
    if (!this.#access.providerIsOutdated) return;
    this.#supervisor.restart('the provider must learn who may call');
  }

  /** The machine slept, or the network changed. */
  wake(reason: string): void {
    this.#supervisor?.wake(reason);
    this.#side?.wake(reason);
  }

  async drain(timeoutMs: number): Promise<void> {
    await this.#side?.drain(timeoutMs);
  }

  /** Releases everything; what is wanted stays as it is. */
  async close(cause: string): Promise<void> {
    await this.#inTurn(() => this.#down(cause));
    await this.#configured?.provider.dispose?.();
    await this.#sides.drained();
  }

  async #up(cause: string, reread: boolean): Promise<void> {
    const { config } = this.#definition;
    for (const secret of secretValuesOf(config, this.#deps.env)) this.#deps.onSecret(secret);
    this.#access.resolve();
    const basis = providerBasis(config, this.#deps.env);
    if (!fitsBasis(this.#providerBasis, basis, reread || this.#side === undefined))
      await this.#setProvider(config, basis);
    await this.#setSide(config, reread);
    this.#tellAccess();
    this.#supervisor?.start(cause);
  }

  async #down(cause: string): Promise<void> {
    await this.#supervisor?.stop(cause);
    await this.#sides.close();
    this.#health = idleHealth(this.#deps.clock.now());
  }

  /** A provider of another kind shares nothing with the last one: its session goes with it. */
  async #setProvider(config: TunnelConfig, basis: ProviderBasis): Promise<void> {
    const configured = await this.#deps.provider(config);
    await this.#supervisor?.stop('the provider changed');
    await this.#configured?.provider.dispose?.();
    const { name } = this;
    const { owner } = this.#deps;
    const request = openRequest(configured.way, {
      name,
      owner,
      access: this.#access,
      side: () => this.#side,
    });
    this.#configured = { ...configured, request };
    this.#providerBasis = basis;
    this.#supervisor = new Supervisor({
      ...this.#deps,
      provider: configured.provider,
      request,
      online: () => this.#deps.online(this.#definition.config),
      onChange: (change) => this.#changed(change),
      onProgress: () => this.#publish(),
      onSessionOpened: (session) => {
        this.#side?.sessionOpened(session);
        // The token may have been rotated while the session was opening.
        this.#teachProvider();
      },
      onSessionClosed: () => this.#side?.sessionClosed(),
    });
  }

  async #setSide(config: TunnelConfig, reread: boolean): Promise<void> {
    const external = this.#configured?.way !== 'in-process';
    const change = await this.#sides.apply(config, external, reread);
    const session = this.#supervisor?.session;
    if (session !== undefined && change !== 'kept') this.#side?.sessionOpened(session);
    this.#tellAbsence();
    // An agent in another process dials the gateway's port, which is a new one.
    if (session !== undefined && change === 'replaced' && external)
      this.#supervisor?.restart('the gateway moved');
  }

  /** The monitor says why there is no session: nobody else knows what the probes saw of the server. */
  #tellAbsence(): void {
    const supervisor = this.#supervisor;
    if (supervisor === undefined || supervisor.session !== undefined) return;
    const online = this.#deps.online(this.#definition.config);
    this.#side?.sessionMissing(absenceOf(absenceParts(supervisor, online, this.#deps.clean)));
  }

  #changed(change: StateChange): void {
    this.#tellAbsence();
    this.#journal.stateChanged(change, this.#supervisor?.lastError);
    this.#publish();
  }

  #healthReported(report: HealthReport): void {
    this.#journal.healthReported(this.#health, report);
    this.#health = report;
    this.traffic.noteHealth(report);
    this.#supervisor?.noteVerdict(report.verdict);
    this.#publish();
  }

  #publish(): void {
    this.#deps.onChange(this.status);
  }

  /** One thing after another: `up` in the middle of `down` must find it finished. */
  #inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#tail.then(act);
    this.#tail = turn.catch(() => {});
    return turn;
  }
}
