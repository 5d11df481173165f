import { readFile } from 'node:fs/promises';
import { type Clock, systemClock } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { Finding } from '../../core/status.ts';
import { VERSION } from '../../core/version.ts';
import type { OpenContext, PortRequest, TunnelProvider, TunnelSession } from '../provider.ts';
import { type AccountBook, accounts } from './accounts.ts';
import { Failures, tidy } from './failures.ts';
import { findings } from './findings.ts';
import type { AgentSettings } from './messages.ts';
import { assertNgrokOptions } from './option-rules.ts';
import type { NgrokOptions } from './options.ts';
import { trafficPolicy } from './policy.ts';
import { redaction } from './redaction.ts';
import { NgrokSession } from './session.ts';
import './errors.ts';

export interface NgrokDeps {
  readonly clock?: Clock;
  /** Who else uses which account. Shared by the whole process by default. */
  readonly accounts?: AccountBook;
  /** The agent's program; the built one by default. */
  readonly program?: string;
}

/** ngrok's SDK, each session in a process of its own. */
export class NgrokProvider implements TunnelProvider<PortRequest> {
  readonly kind = 'ngrok';
  readonly #options: NgrokOptions;
  readonly #clock: Clock;
  readonly #accounts: AccountBook;
  readonly #program: string | undefined;
  readonly #failures: Failures;
  #live: NgrokSession | undefined;

  constructor(options: NgrokOptions, deps: NgrokDeps = {}) {
    const { clock = systemClock, accounts: book = accounts } = deps;
    this.#options = options;
    this.#clock = clock;
    this.#accounts = book;
    this.#program = deps.program;
    this.#failures = new Failures(clock);
  }

  async open(request: PortRequest, { signal, log }: OpenContext): Promise<TunnelSession> {
    assertNgrokOptions(this.#options);
    const authtoken = this.#authtoken();
    const accessTokens = request.accessTokens?.() ?? [];
    const clean = redaction(this.#options, accessTokens);
    const holders = () => this.#accounts.others(authtoken, request.name);
    const settings = await this.#settings(request, authtoken, accessTokens);
    signal.throwIfAborted();
    const session = new NgrokSession(settings, {
      clock: this.#clock,
      program: this.#program,
      clean,
      log,
      failureOf: (said) =>
        said.code === undefined
          ? new TunneldError('SESSION_LOST', tidy(said.message))
          : this.#failures.of(said, holders()),
    });
    const onAbort = () => void session.close();
    signal.addEventListener('abort', onAbort, { once: true });
    const opening = await session.opening;
    signal.removeEventListener('abort', onAbort);
    if (opening.kind !== 'opened' || signal.aborted) await session.close();
    signal.throwIfAborted();
    if (opening.kind === 'failed') throw this.#failures.of(opening.said, holders());
    if (opening.kind === 'unusable') throw new TunneldError('NGROK_SDK_UNUSABLE', tidy(opening.detail));
    if (opening.kind === 'crashed') {
      throw new TunneldError('NGROK_FAILED', `The agent process ended (${opening.detail})`);
    }
    this.#keep(session, authtoken, request.name);
    log.info({ url: session.publicUrl.href, agent: session.pid }, 'ngrok endpoint online');
    return session;
  }

  async diagnose(): Promise<readonly Finding[]> {
    return findings(this.#options, this.#live);
  }

  #keep(session: NgrokSession, authtoken: Secret, tunnel: string): void {
    this.#failures.forget();
    this.#live = session;
    const leave = this.#accounts.enter(authtoken, tunnel, session.publicUrl);
    void session.closed.then(() => {
      leave();
      if (this.#live === session) this.#live = undefined;
    });
  }

  #authtoken(): Secret {
    const { authtoken } = this.#options;
    if (authtoken === undefined) throw new TunneldError('NGROK_OPTION_INVALID', 'ngrok needs an authtoken');
    return authtoken;
  }

  async #settings(
    { gatewayUrl }: PortRequest,
    authtoken: Secret,
    accessTokens: readonly Secret[],
  ): Promise<AgentSettings> {
    const { domain, pooling, metadata, region, caFile } = this.#options;
    const server =
      this.#options.server ?? (region === undefined ? undefined : `connect.${region}.ngrok-agent.com:443`);
    return {
      authtoken: authtoken.reveal(),
      client: { name: 'tunneld', version: VERSION },
      ...(server === undefined ? {} : { server }),
      ...(caFile === undefined ? {} : { ca: await readCertificates(caFile) }),
      ...(domain === undefined ? {} : { domain }),
      ...(metadata === undefined ? {} : { metadata }),
      pooling,
      trafficPolicy: trafficPolicy(this.#options, { gatewayUrl, accessTokens }),
      forwardTo: gatewayUrl.href,
      heartbeatIntervalS: Math.ceil(this.#options.heartbeatIntervalMs / 1_000),
      heartbeatToleranceS: Math.ceil(this.#options.heartbeatToleranceMs / 1_000),
    };
  }
}

async function readCertificates(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new TunneldError('NGROK_OPTION_INVALID', `ngrok.caFile ${file} cannot be read: ${String(cause)}`, {
      cause,
    });
  }
}
