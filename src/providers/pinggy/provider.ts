import { homedir } from 'node:os';
import { type Clock, systemClock } from '../../core/clock.ts';
import { type ErrorCode, TunneldError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { Finding } from '../../core/status.ts';
import type { OpenContext, PortRequest, TunnelProvider, TunnelSession } from '../provider.ts';
import { assertPinggyOptions, secretValues } from './arguments.ts';
import { containerSpec } from './container.ts';
import { dockerCommand } from './docker-command.ts';
import { Engine } from './engine.ts';
import type { EngineSearch } from './engine-address.ts';
import { findings } from './findings.ts';
import { freePort } from './free-port.ts';
import { ensureImage } from './image.ts';
import { findLeftovers } from './leftovers.ts';
import type { PinggyOptions } from './options.ts';
import { type Plan, planFor } from './plan.ts';
import { type Redactor, redactor } from './redactor.ts';
import { Removals } from './removals.ts';
import { type HeldContainer, PinggySession, type SessionDeps } from './session.ts';
import './errors.ts';

export interface PinggyDeps {
  readonly clock?: Clock;
  readonly env?: NodeJS.ProcessEnv;
  readonly home?: string;
  readonly platform?: NodeJS.Platform;
  /** A number in [0, 1), for container names. */
  readonly random?: () => number;
}

/** A container that serves already answers at once; one that does not is not worth adopting. */
const ADOPTION_MS = 3_000;
/** Attempts with another port when the one found free was taken in between. */
const PORT_ATTEMPTS = 3;

/** Pinggy's container, driven through the Docker engine. */
export class PinggyProvider implements TunnelProvider<PortRequest> {
  readonly kind = 'pinggy';
  readonly #options: PinggyOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #search: EngineSearch;
  readonly #removals: Removals;
  /** What the last attempt failed with. */
  #failure: ErrorCode | undefined;

  constructor(options: PinggyOptions, deps: PinggyDeps = {}) {
    const { clock = systemClock, env = process.env, home = homedir() } = deps;
    const { platform = process.platform, random = Math.random } = deps;
    const { dockerHost, dockerContext } = options;
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#search = { dockerHost, dockerContext, env, home, platform };
    this.#removals = new Removals(this.#search, clock);
  }

  async open(request: PortRequest, context: OpenContext): Promise<TunnelSession> {
    const redact = redactor(secretValues(this.#options, request.accessTokens?.() ?? []));
    this.#failure = undefined;
    try {
      return await this.#open(request, context, redact);
    } catch (error) {
      if (!(error instanceof TunneldError)) throw error;
      this.#failure = error.code;
      throw new TunneldError(error.code, redact(error.message), { cause: error.cause, remedy: error.remedy });
    }
  }

  /** An engine that was off answers again; what else fails shows in an attempt only. */
  async mended(): Promise<boolean> {
    if (this.#failure !== 'ENGINE_UNREACHABLE') return false;
    return await Engine.connect(this.#search).then(
      () => true,
      () => false,
    );
  }

  async equivalentCommand(request: PortRequest): Promise<string> {
    const facts = await Engine.connect(this.#search).then(
      (engine) => engine.facts,
      () => ASSUMED,
    );
    const { debugger: wanted, debuggerPort = await freePort(undefined) } = this.#options;
    return dockerCommand(planFor(this.#options, request, facts, wanted ? debuggerPort : undefined));
  }

  async diagnose(request: PortRequest): Promise<readonly Finding[]> {
    const subject = { options: this.#options, tunnel: request.name, owner: request.owner };
    return await findings(subject, () => Engine.connect(this.#search));
  }

  async dispose(): Promise<void> {
    await this.#removals.dispose();
  }

  async #open(request: PortRequest, context: OpenContext, redact: Redactor): Promise<TunnelSession> {
    const { signal, log } = context;
    // First, and without an engine: a mistake in the options is told whatever else is wrong.
    assertPinggyOptions(this.#options);
    const engine = await Engine.connect(this.#search, signal);
    const deps = this.#sessionDeps(request, redact, log);
    const adopted = await this.#adopt(engine, request, deps, signal);
    if (adopted !== undefined) return adopted;
    await ensureImage(engine, this.#options, signal, (step) => context.progress?.(step));
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#create(engine, request, deps, signal);
      } catch (error) {
        const taken = error instanceof TunneldError && error.code === 'PORT_IN_USE';
        if (!taken || this.#options.debuggerPort !== undefined || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  /** What an earlier process of this daemon left for the tunnel: taken over if it serves, else removed. */
  async #adopt(
    engine: Engine,
    request: PortRequest,
    deps: SessionDeps,
    signal: AbortSignal,
  ): Promise<TunnelSession | undefined> {
    const plan = planFor(this.#options, request, engine.facts, this.#options.debugger ? 1 : undefined);
    const { adoptable, rest } = await findLeftovers(engine, plan, signal);
    for (const id of rest) await this.#removals.remove(engine, id, deps.log);
    if (adoptable === undefined) return undefined;
    const container = adoptable.id.slice(0, 12);
    try {
      const session = await new PinggySession(engine, adoptable, deps).opened(signal, ADOPTION_MS);
      deps.log.info({ container }, 'container of the previous run adopted');
      return session;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      deps.log.info({ err: error, container }, 'container of the previous run no longer serves');
      return undefined;
    }
  }

  async #create(
    engine: Engine,
    request: PortRequest,
    deps: SessionDeps,
    signal: AbortSignal,
  ): Promise<TunnelSession> {
    const { debugger: wanted, debuggerPort, openTimeoutMs } = this.#options;
    const plan = planFor(
      this.#options,
      request,
      engine.facts,
      wanted ? await freePort(debuggerPort) : undefined,
    );
    const held = await this.#start(engine, plan, deps.log, signal);
    return await new PinggySession(engine, held, deps).opened(signal, openTimeoutMs);
  }

  async #start(engine: Engine, plan: Plan, log: Logger, signal: AbortSignal): Promise<HeldContainer> {
    const suffix = Math.floor(this.#random() * 0x1000000)
      .toString(16)
      .padStart(6, '0');
    const name = `tunneld-${plan.tunnel}-${suffix}`;
    signal.throwIfAborted();
    try {
      // Not abortable: whether the engine has made the container must be known to be able to remove it.
      const create = () => engine.docker.createContainer(containerSpec(plan, name));
      const container = await engine.call('create the container', create);
      signal.throwIfAborted();
      await engine.call('start the container', () => container.start());
      const { State } = await engine.call('inspect the container', () => container.inspect(), signal);
      log.info(
        { container: name, image: plan.options.image, engine: engine.describe() },
        'container started',
      );
      return { id: container.id, startedAt: State.StartedAt, debuggerPort: plan.debuggerPort };
    } catch (error) {
      await this.#removals.remove(engine, name, log);
      throw portError(error);
    }
  }

  #sessionDeps(request: PortRequest, redact: Redactor, log: Logger): SessionDeps {
    return {
      options: this.#options,
      search: this.#search,
      removals: this.#removals,
      redact,
      announce: (publicUrl) => request.announce?.(publicUrl),
      clock: this.#clock,
      log,
    };
  }
}

/** What is assumed of an engine that cannot be asked: the common case. */
const ASSUMED = { apiVersion: '', product: 'docker', sharesLoopback: true, why: '' } as const;

/** With a network of its own, a taken port is found by the engine and not by the client inside. */
function portError(error: unknown): unknown {
  if (
    !(error instanceof TunneldError) ||
    !/port is already allocated|address already in use/i.test(error.message)
  ) {
    return error;
  }
  return new TunneldError('PORT_IN_USE', error.message, { cause: error });
}
