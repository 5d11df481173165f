import { maskSecrets, secretValuesOf } from '../config/config-secrets.ts';
import type { TunnelConfig } from '../config/schema.ts';
import { resolveAccessToken, resolveAuthorization } from '../config/secrets.ts';
import type { StoredToken } from '../config/state-schema.ts';
import { upstreamOf } from '../config/upstream.ts';
import type { Diagnosis, TunnelInspection } from '../control/api.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { RequestEvent } from '../core/request-event.ts';
import type { Secret } from '../core/secret.ts';
import type { HealthReport, ReportedError, TunnelStatus } from '../core/status.ts';
import type { OpenRequest, SessionOwner } from '../providers/provider.ts';
import { HttpServer } from '../servers/http/http-server.ts';
import type { LocalServer } from '../servers/server.ts';
import { absenceOf } from './absence.ts';
import { healthFindings } from './diagnosis.ts';
import { type ConfiguredProvider, fitsBasis, type ProviderBasis, providerBasis } from './provider-setup.ts';
import { Supervisor } from './supervisor.ts';
import { edgeAccessOf, hashed, made, usable } from './tokens.ts';
import { Traffic } from './traffic.ts';
import type { TunnelDefinition } from './tunnel-definition.ts';
import { TunnelJournal } from './tunnel-journal.ts';
import type { StateChange } from './tunnel-state.ts';
import { idleHealth, statusOf } from './tunnel-status.ts';
import { UpstreamSide } from './upstream-side.ts';

export interface TunnelDeps {
  readonly instance: string;
  /** Marks what providers leave outside this process as ours. */
  readonly owner: SessionOwner;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly random: () => number;
  /** This tunnel's own log. */
  readonly log: Logger;
  /** @throws {TunneldError} `PROVIDER_UNKNOWN`, `SECRET_UNAVAILABLE` */
  readonly provider: (config: TunnelConfig) => Promise<ConfiguredProvider>;
  readonly online: (config: TunnelConfig) => boolean;
  /**
   * What the configuration means as a server; without it, only those that have an address.
   *
   * @throws {TunneldError} `SECRET_UNAVAILABLE`
   */
  readonly server?: (config: TunnelConfig, onState: () => void) => LocalServer;
  /** In-flight exchanges of a replaced configuration get this long (milliseconds). */
  readonly drainMs: number;
  /** Takes known secrets out of what providers and servers wrote. */
  readonly clean: (text: string) => string;
  readonly onSecret: (secret: Secret) => void;
  /** The gateway's port of the last run, and where it listens now. */
  readonly lastGatewayPort: () => number | undefined;
  readonly onGatewayPort: (port: number) => void;
  readonly onChange: (status: TunnelStatus) => void;
}

/** One tunnel: what is wanted of it, what became of that, and the parts that make it so. */
export class Tunnel {
  readonly name: string;
  readonly traffic = new Traffic();
  readonly #deps: TunnelDeps;
  #definition: TunnelDefinition;
  #supervisor: Supervisor | undefined;
  #configured: ConfiguredProvider | undefined;
  readonly #accessListeners = new Set<() => void>();
  #side: UpstreamSide | undefined;
  /** Ids of the tokens the provider was last given. */
  #toldToProvider: readonly string[] = [];
  #providerBasis: ProviderBasis | undefined;
  /** What was resolved from the configuration when the tunnel was brought up. */
  #configuredToken: StoredToken | undefined;
  /** Why the tunnel could not even be set up. */
  #blocked: ReportedError | undefined;
  #health: HealthReport;
  readonly #journal: TunnelJournal;
  #tail: Promise<unknown> = Promise.resolve();
  readonly #retired = new Set<Promise<void>>();

  constructor(name: string, definition: TunnelDefinition, deps: TunnelDeps) {
    this.name = name;
    this.#definition = definition;
    this.#deps = deps;
    this.#health = idleHealth(deps.clock.now());
    this.#journal = new TunnelJournal(deps.log, deps.clean);
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
  async diagnose(): Promise<Diagnosis> {
    const health = healthFindings(this.#health);
    const provider = this.#side === undefined ? undefined : this.#configured?.provider;
    const request = this.#request();
    const [findings = [], command] = await Promise.all([
      provider?.diagnose?.(request),
      // A mistake in the options is already what the status says.
      provider?.equivalentCommand?.(request).catch(() => undefined),
    ]);
    return { findings: [...findings, ...health], ...(command === undefined ? {} : { command }) };
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
        this.#block(error);
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
    this.#side?.setTokens(this.tokens.map(hashed));
    this.#tellAccess();
    this.#teachProvider();
  }

  /** A session whose edge checks tokens knows those it was opened with; a newer one needs a new session. */
  #teachProvider(): void {
    if (this.#supervisor?.session === undefined || this.#configured?.checksTokens !== true) return;
    const [newest] = this.tokens;
    const told = this.#toldToProvider;
    if (newest === undefined ? told.length === 0 : told.includes(newest.id)) return;
    this.#supervisor.restart('the provider must learn who may call');
  }

  /** The tokens in force, newest first; none where the tunnel is public on purpose. */
  get tokens(): readonly StoredToken[] {
    const { config, tokens } = this.#definition;
    if (config.access.insecurePublic) return [];
    return this.#configuredToken === undefined ? tokens : [this.#configuredToken];
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
    await Promise.all(this.#retired);
  }

  async #up(cause: string, reread: boolean): Promise<void> {
    const { config } = this.#definition;
    for (const secret of secretValuesOf(config, this.#deps.env)) this.#deps.onSecret(secret);
    this.#configuredToken = this.#resolveToken(config);
    const basis = providerBasis(config, this.#deps.env);
    if (!fitsBasis(this.#providerBasis, basis, reread || this.#side === undefined))
      await this.#setProvider(config, basis);
    if (this.#side?.fits(config, this.#configured?.way !== 'in-process', reread) !== true)
      await this.#setSide(config);
    else {
      this.#side.reconfigure({ config, authorization: this.#resolveAuthorization(config) });
      this.#tellAbsence();
    }
    this.#side?.setTokens(this.tokens.map(hashed));
    this.#tellAccess();
    this.#teachProvider();
    this.#supervisor?.start(cause);
  }

  async #down(cause: string): Promise<void> {
    await this.#supervisor?.stop(cause);
    const side = this.#side;
    this.#side = undefined;
    await side?.close();
    this.#health = idleHealth(this.#deps.clock.now());
  }

  /** A provider of another kind shares nothing with the last one: its session goes with it. */
  async #setProvider(config: TunnelConfig, basis: ProviderBasis): Promise<void> {
    const { clock, random, log, online } = this.#deps;
    const configured = await this.#deps.provider(config);
    const { provider } = configured;
    await this.#supervisor?.stop('the provider changed');
    await this.#configured?.provider.dispose?.();
    this.#configured = configured;
    this.#providerBasis = basis;
    this.#supervisor = new Supervisor({
      provider,
      request: this.#request(),
      clock,
      random,
      log,
      online: () => online(this.#definition.config),
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

  async #setSide(config: TunnelConfig): Promise<void> {
    const { clock, random, log, instance, online, drainMs } = this.#deps;
    const supervised = (act: (supervisor: Supervisor, generation: number) => void) => {
      const supervisor = this.#supervisor;
      const generation = supervisor?.session?.generation;
      // A retired side still winds down its probes; only the current one has a say.
      if (this.#side === side && supervisor !== undefined && generation !== undefined)
        act(supervisor, generation);
    };
    const external = this.#configured?.way !== 'in-process';
    // Two copies of one program would fight for whatever it needs for itself.
    if (config.command !== undefined && this.#side?.runsProgram === true) await this.#side.close();
    const side: UpstreamSide = await UpstreamSide.open({
      name: this.name,
      instance,
      config,
      server:
        this.#deps.server?.(config, () => this.#side?.serverChanged()) ?? new HttpServer(upstreamOf(config)),
      external,
      preferredPort: this.#deps.lastGatewayPort(),
      clock,
      random,
      log,
      token: () => this.tokens[0]?.value,
      authorization: this.#resolveAuthorization(config),
      online: () => online(this.#definition.config),
      onRequest: (event) => this.#requestDone(event),
      onReport: (report) => {
        if (this.#side === side) this.#healthReported(report);
      },
      onReplace: (reason) => supervised((supervisor, generation) => supervisor.unhealthy(generation, reason)),
      onExposed: (reason) => supervised((supervisor, generation) => supervisor.exposed(generation, reason)),
    });
    if (external) this.#deps.onGatewayPort(Number(side.gatewayUrl.port));
    const last = this.#side;
    this.#side = side;
    side.setTokens(this.tokens.map(hashed));
    const session = this.#supervisor?.session;
    if (session !== undefined) side.sessionOpened(session);
    this.#tellAbsence();
    if (last === undefined) return;
    this.#retire(last, drainMs);
    // An agent in another process dials the gateway's port, which is a new one.
    if (session !== undefined && this.#configured?.way !== 'in-process')
      this.#supervisor?.restart('the gateway moved');
  }

  #retire(side: UpstreamSide, drainMs: number): void {
    const retired = side
      .drain(drainMs)
      .then(() => side.close())
      .catch((error: unknown) => this.#deps.log.error({ err: error }, 'a replaced gateway did not close'))
      .then(() => void this.#retired.delete(retired));
    this.#retired.add(retired);
  }

  /** What providers are given. The gateway behind it may change while a session goes on. */
  #request(): OpenRequest {
    const side = () => {
      if (this.#side === undefined) throw new Error('A session outlived its gateway');
      return this.#side;
    };
    const name = this.name;
    const announce = (publicUrl: URL) => this.#side?.urlKnown(publicUrl);
    if (this.#configured?.way !== 'in-process') {
      return {
        way: 'port',
        name,
        announce,
        owner: this.#deps.owner,
        accessTokens: () => {
          const tokens = usable(this.tokens, this.#deps.clock.now());
          this.#toldToProvider = tokens.map(({ id }) => id);
          return tokens.map(({ value }) => value);
        },
        get gatewayUrl() {
          return side().gatewayUrl;
        },
      };
    }
    return {
      way: 'in-process',
      name,
      announce,
      accept(exchange) {
        side().accept(exchange);
      },
      probeHeaders: (nonce) => this.#side?.probeHeaders(nonce) ?? [],
      access: {
        current: () => edgeAccessOf(this.#definition.config, this.tokens, this.#deps.clock.now()),
        subscribe: (listener) => {
          this.#accessListeners.add(listener);
          return () => void this.#accessListeners.delete(listener);
        },
      },
    };
  }

  #tellAccess(): void {
    for (const listener of this.#accessListeners) listener();
  }

  #resolveToken(config: TunnelConfig): StoredToken | undefined {
    const reference = config.access.token;
    if (reference === undefined || config.access.insecurePublic) return undefined;
    const secret = resolveAccessToken(reference, this.#deps.env);
    const known = this.#configuredToken;
    // The same token stays the one that providers were told.
    return known?.value.reveal() === secret.reveal() ? known : made(secret, this.#deps.clock.now());
  }

  #resolveAuthorization(config: TunnelConfig): Secret | undefined {
    const reference = config.health.authorization;
    return reference === undefined ? undefined : resolveAuthorization(reference, this.#deps.env);
  }

  /** The monitor says why there is no session: nobody else knows what the probes saw of the server. */
  #tellAbsence(): void {
    const supervisor = this.#supervisor;
    if (supervisor === undefined || supervisor.session !== undefined) return;
    const { state, lastError, lastChange } = supervisor;
    this.#side?.sessionMissing(
      absenceOf({
        state,
        lastError,
        cause: this.#deps.clean(lastChange?.cause ?? 'it is being opened'),
        planned: lastChange === undefined || PLANNED.has(lastChange.event),
        online: this.#deps.online(this.#definition.config),
      }),
    );
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

  #requestDone(event: RequestEvent): void {
    this.traffic.note(event);
    this.#journal.requestDone(event);
  }

  #block(error: unknown): void {
    this.#blocked = { ...this.#journal.notSetUp(error), at: this.#deps.clock.now() };
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

/** Changes that are no failure of the session before. */
const PLANNED: ReadonlySet<StateChange['event']> = new Set(['start', 'restart', 'expiring', 'stop']);
