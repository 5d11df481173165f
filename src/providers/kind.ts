import type { z } from 'zod';
import type { OptionRow } from '../config/option-row.ts';
import type { Clock } from '../core/clock.ts';
import type { JudgePage } from '../core/edge-page.ts';
import type { ErrorCode, ErrorTable } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Secret } from '../core/secret.ts';
import type { Verdict } from '../core/status.ts';
import type { TunnelProvider } from './provider.ts';

/**
 * A provider as a value: everything tunneld knows of it before a tunnel uses it. The keys of the
 * configuration, the options of `up`, what is masked and which files are closed are derived from
 * the list in `kinds.ts`; nothing outside its folder knows a provider by its name.
 *
 * What a kind refers to is light. The provider itself is loaded with the first tunnel that names it.
 */
export interface ProviderKind<Config = unknown> {
  /** What `provider:` says, and the key its own options are below. */
  readonly name: string;
  /** Of that key, for editors and docs. */
  readonly description: string;
  /** Its options in the configuration file; those that hold secrets are marked with `secret()`. */
  readonly schema: z.ZodType<Config>;
  /**
   * The key that names whom to dial, where that is for the user to say. Without it the others mean
   * nothing, and a secret given for one address is not taken along to another.
   */
  readonly addressKey?: string;
  /** Its options of `tunneld up`, by name; their keys are below the provider's name. */
  readonly options: Readonly<Record<string, OptionRow>>;
  /** What its edge, where visitors come in, does by itself. */
  readonly edge: EdgeTraits<Config>;
  /** How requests come from its agent to the gateway. */
  readonly way: 'in-process' | 'port';

  /** Whether a session needs a network. A tunnel is not given up for want of one it does not need. */
  needsNetwork(config: Config | undefined): boolean;

  /**
   * Finds out before anything starts what would keep a tunnel from being set up.
   *
   * @throws {TunneldError} `SECRET_UNAVAILABLE`, or a code of the provider's own
   */
  assertUsable(input: ProviderInput<Config>): void;

  /** Failures that no other provider has, made with `errorTable`. */
  readonly errors?: ErrorTable;

  /** What its own errors mean for health, where that is not down or a matter of settings. */
  readonly verdicts?: Readonly<Partial<Record<ErrorCode, Verdict>>>;

  /** How the error pages of its edge are read. Absent: they say no more than any other. */
  readonly judgePage?: JudgePage;

  /** Removes what a killed daemon left outside its process. Absent: it leaves nothing. */
  removeLeftovers?(search: LeftoverSearch): Promise<void>;

  /**
   * Loads all that a session needs: Node remembers for good that a module could not be opened, so that
   * nothing may be left to be imported when the process is short of descriptors. The daemon calls it for
   * every tunnel that it knows of.
   */
  load(): Promise<LoadedProvider<Config>>;
}

export interface EdgeTraits<Config> {
  /** It writes `X-Forwarded-For` and its like itself, so that a caller cannot make them up. */
  readonly writesForwarded: boolean;
  /** It asks for the access token as well: a session knows the tokens it was opened with. */
  checksTokens(config: Config | undefined): boolean;
  /** It refuses the preflights of pages unless its sessions are opened to let them pass. */
  readonly stopsPreflights: boolean;
}

/** What a tunnel's configuration says to its provider. */
export interface ProviderInput<Config> {
  /** What is below the provider's name; absent when nothing is. */
  readonly config: Config | undefined;
  /** Pages of other origins may call. Always false where the edge does not stop their preflights. */
  readonly pages: boolean;
  /** What a value marked with `secret()` stands for. @throws {TunneldError} `SECRET_UNAVAILABLE` */
  secret(reference: string): Secret;
}

export interface ProviderSetup<Config> extends ProviderInput<Config> {
  readonly clock: Clock;
  /** The daemon's environment. */
  readonly env: NodeJS.ProcessEnv;
  /** The relay inside the daemon, and our credential there. */
  readonly embeddedRelay: { readonly url: URL; readonly secret: Secret };
  /** Told of secrets that are not in the configuration, to keep logs free of them. */
  onSecret(secret: Secret): void;
}

export interface LoadedProvider<Config> {
  create(setup: ProviderSetup<Config>): TunnelProvider;
}

export interface LeftoverSearch {
  readonly env: NodeJS.ProcessEnv;
  /** Id of the daemon whose leftovers are looked for. */
  readonly instance: string;
  /** Of its state folder: what a daemon of another id left there has no other daemon to look after it. */
  readonly place: string;
  /** False: nothing says that something was left, and no other machine is to be dialled to find out. */
  readonly suspected: boolean;
  /** Whether the tunnel of that name goes on with this provider, and so takes over what was left. */
  isWanted(tunnel: string): boolean;
  readonly log: Logger;
}
