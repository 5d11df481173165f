import type { SecureContext } from 'node:tls';
import type { Clock, Timer } from '../../core/clock.ts';
import { messageOf } from '../../core/error-message.ts';
import { TunneldError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { type HeldCertificate, holdCertificate } from './held-certificate.ts';

/** Gets a certificate for one host: key and chain in PEM. */
export interface Issuer {
  /** @throws {Error} whatever the reason: the network, the authority, a name that leads elsewhere */
  issue(host: string): Promise<string>;
}

/** Where certificates outlive the process. */
export interface CertificateStore {
  certificate(host: string): string | undefined;
  saveCertificate(host: string, pem: string): void;
}

export interface CertificateKeeperOptions {
  readonly issuer: Issuer;
  readonly store: CertificateStore;
  /** The relay's own host, which has a certificate from the start. */
  readonly domain: string;
  /** The host is the relay's own, or of a tunnel that is served now. Others get no certificate. */
  serves(host: string): boolean;
  /** Whose tunnel a host is. */
  ownerOf(host: string): string | undefined;
  /** The relay's own certificate: why there is no new one, or undefined as soon as there is. */
  onOwn(problem: TunneldError | undefined): void;
  readonly clock: Clock;
  /** From 0 to 1. */
  random(): number;
  readonly log: Logger;
}

/** Authorities have limits too: a client that exceeds them is refused for a week. */
const MAX_NEW_HOSTS_PER_HOUR = 20;
/** The share of one owner, so that some are left for the others. */
const MAX_NEW_HOSTS_OF_OWNER = 15;
const MAX_ORDERS_AT_ONCE = 4;
const COMPLAIN_EVERY_MS = 60_000;
const HOUR_MS = 3_600_000;
const LOOK_EVERY_MS = HOUR_MS;
/** After a failure, doubling: an authority allows five failures of a name in an hour. */
const FIRST_RETRY_MS = 5 * 60_000;
const LAST_RETRY_MS = 24 * HOUR_MS;

/**
 * Has a certificate for each host that is served: from the store, or from the issuer when a visitor
 * first asks. Renews them with a third of their life left; a failure leaves the old one in place.
 */
export class CertificateKeeper {
  readonly #options: CertificateKeeperOptions;
  readonly #held = new Map<string, HeldCertificate & { readonly renewAt: number }>();
  readonly #orders = new Map<string, Promise<void>>();
  readonly #failures = new Map<string, { readonly count: number; readonly retryAt: number }>();
  /** When certificates for new hosts were ordered in the last hour (monotonic), and for whom. */
  #newOrders: { readonly at: number; readonly owner: string | undefined }[] = [];
  #complainedAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #retry: Timer | undefined;
  #stopped = false;

  constructor(options: CertificateKeeperOptions) {
    this.#options = options;
  }

  /** Orders what is missing. The relay must listen by now, because the authority connects to it. */
  start(): void {
    const { domain } = this.#options;
    if (this.#load(domain) === undefined) void this.#order(domain);
    this.#lookAgain();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#retry?.cancel();
  }

  /** The certificate for this host; undefined when there is none and none can be ordered. */
  async contextFor(servername: string): Promise<SecureContext | undefined> {
    const host = servername.toLowerCase();
    const { serves, clock } = this.#options;
    const held = this.#held.get(host);
    if (held !== undefined && held.notAfter > clock.now()) return held.context;
    if (!serves(host)) return held?.context;
    const stored = held ?? this.#load(host);
    if (stored === undefined || stored.notAfter <= clock.now()) await this.#order(host);
    return this.#held.get(host)?.context;
  }

  /** One order at a time for each host; requests that come meanwhile wait for the same order. */
  #order(host: string): Promise<void> {
    const running = this.#orders.get(host);
    if (running !== undefined) return running;
    if (this.#stopped || this.#orders.size >= MAX_ORDERS_AT_ONCE || !this.#mayOrder(host))
      return Promise.resolve();
    const order = this.#obtain(host).finally(() => this.#orders.delete(host));
    this.#orders.set(host, order);
    return order;
  }

  async #obtain(host: string): Promise<void> {
    const { issuer, log, domain, onOwn } = this.#options;
    try {
      const pem = await issuer.issue(host);
      const held = this.#hold(host, pem);
      this.#failures.delete(host);
      if (host === domain) onOwn(undefined);
      log.info({ host, notAfter: new Date(held.notAfter).toISOString() }, 'certificate issued');
      this.#save(host, pem);
    } catch (cause) {
      this.#failed(host, cause);
    }
  }

  #save(host: string, pem: string): void {
    try {
      this.#options.store.saveCertificate(host, pem);
    } catch (err) {
      // The certificate works until the next start, which orders another one.
      this.#options.log.warn({ err, host }, 'certificate not kept on disk');
    }
  }

  #mayOrder(host: string): boolean {
    const now = this.#options.clock.monotonic();
    if ((this.#failures.get(host)?.retryAt ?? now) > now) return false;
    if (host === this.#options.domain || this.#held.has(host)) return true;
    this.#newOrders = this.#newOrders.filter(({ at }) => now - at < HOUR_MS);
    const owner = this.#options.ownerOf(host);
    const ofOwner = owner === undefined ? 0 : this.#newOrders.filter((order) => order.owner === owner).length;
    if (this.#newOrders.length >= MAX_NEW_HOSTS_PER_HOUR || ofOwner >= MAX_NEW_HOSTS_OF_OWNER) {
      // At most one line a minute, however many visitors ask.
      if (now - this.#complainedAt < COMPLAIN_EVERY_MS) return false;
      this.#complainedAt = now;
      this.#options.log.warn({ host }, 'certificate not ordered: too many new names in this hour');
      return false;
    }
    this.#newOrders.push({ at: now, owner });
    return true;
  }

  #failed(host: string, cause: unknown): void {
    const { clock, log, domain, serves, onOwn } = this.#options;
    const count = (this.#failures.get(host)?.count ?? 0) + 1;
    const waitMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (count - 1));
    // Hosts that are no longer served are forgotten.
    for (const known of this.#failures.keys()) if (!serves(known)) this.#failures.delete(known);
    this.#failures.set(host, { count, retryAt: clock.monotonic() + waitMs });
    const reason = messageOf(cause);
    const problem = new TunneldError('CERTIFICATE_FAILED', `No certificate for ${host}: ${reason}`);
    const { code, message, remedy } = problem;
    log.warn({ host, code, remedy, retryInMs: waitMs }, message);
    if (host === domain) onOwn(problem);
    // The relay's own certificate is ordered without a visitor: without it no agent can connect.
    if (host !== domain || this.#stopped) return;
    this.#retry?.cancel();
    this.#retry = clock.setTimer(() => void this.#order(domain), waitMs);
  }

  #load(host: string): HeldCertificate | undefined {
    const pem = this.#options.store.certificate(host);
    if (pem === undefined) return undefined;
    try {
      return this.#hold(host, pem);
    } catch (err) {
      this.#options.log.warn({ err, host }, 'stored certificate not usable');
      return undefined;
    }
  }

  #hold(host: string, pem: string): HeldCertificate {
    const held = holdCertificate(pem, host);
    const life = held.notAfter - held.notBefore;
    // Spreads renewals of certificates that were ordered at the same time.
    const renewAt = held.notAfter - life / 3 - this.#options.random() * (life / 20);
    this.#held.set(host, { ...held, renewAt });
    return held;
  }

  #lookAgain(): void {
    this.#timer = this.#options.clock.setTimer(() => {
      void this.#renew().finally(() => {
        if (!this.#stopped) this.#lookAgain();
      });
    }, LOOK_EVERY_MS);
  }

  async #renew(): Promise<void> {
    const { clock, serves } = this.#options;
    for (const [host, { renewAt }] of [...this.#held]) {
      // The store keeps the certificate for when the host is served again.
      if (!serves(host)) this.#held.delete(host);
      else if (renewAt <= clock.now()) await this.#order(host);
    }
  }
}
