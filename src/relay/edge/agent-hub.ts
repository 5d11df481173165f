import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { EdgeAccess } from '../../access/edge-access.ts';
import { EdgeGuard } from '../../access/edge-guard.ts';
import { TokenOwners } from '../../access/token-owners.ts';
import type { Clock } from '../../core/clock.ts';
import type { RequestHead } from '../../core/exchange.ts';
import type { Logger } from '../../core/log.ts';
import { RELAY_HEADER } from '../../core/markers.ts';
import { decodeAccessFrame } from '../link/access-frame.ts';
import { FrameType } from '../link/frame.ts';
import { encodeHello, ownTerms } from '../link/hello.ts';
import { type CheckAnswer, encodeCheck } from '../link/link-check.ts';
import { LinkError } from '../link/link-error.ts';
import { Mux } from '../link/mux.ts';
import { acceptUpgrade } from '../link/websocket-handshake.ts';
import { WindowBudget } from '../link/window-budget.ts';
import type { Authorize } from './authorization.ts';
import { CheckDesk } from './check-desk.ts';
import type { EdgeLink } from './edge-link.ts';
import { EdgeLinkGroup } from './edge-link-group.ts';
import { type Registered, registerLink } from './link-registration.ts';
import { MuxEdgeLink } from './mux-edge-link.ts';
import { type Departure, type NameHolder, NameRegistry } from './name-registry.ts';
import { PendingRegistrations } from './pending-registrations.ts';

/** How long the exchanges of a link may go on after its successor took over. */
const SUPERSEDED_GRACE_MS = 10_000;

/** Links of one name at once, with those that only finish what they have, so that one agent cannot fill the relay. */
const MAX_LINKS_OF_NAME = 16;

/** What the windows of downloads may grow by, those of all tunnels together. */
const GROWTH_BYTES = 134_217_728;

export interface AgentHubOptions {
  readonly authorize: Authorize;
  /** Streams one agent may have open at once. */
  readonly streamsPerLink: number;
  /** Links registered at once. */
  readonly links: number;
  /** Links of one identity at once, so that one token cannot fill the relay. */
  linksPerIdentity(): number;
  /** Sockets that have not registered yet. */
  readonly pendingLinks: number;
  /** How long after the start names may come back that an earlier relay had (milliseconds). */
  readonly returnsMs: number;
  /** Whether an earlier relay can have had the name. */
  expects(name: string): boolean;
  readonly clock: Clock;
  readonly log: Logger;
  publicUrl(name: string): URL;
  /** What a visitor's request for the name comes to that goes over this link. Never rejects. */
  look(name: string, via: EdgeLink, nonce: string): Promise<CheckAnswer>;
  /** A name has a link, for the first time or anew. */
  onRegistered?(name: string): void;
}

/** An agent whose credential is good. */
export interface Applicant {
  readonly name: string;
  readonly identity: string;
  readonly guard: EdgeGuard;
  readonly link: EdgeLink;
  /** Where it dialled from. */
  readonly address?: string | undefined;
  /** Links of one agent that name the same group serve the name together. */
  readonly group?: string;
  /** Takes nothing over from another agent of the same identity. */
  readonly yields?: boolean;
  /** Tells the agent that it serves the name from now on. */
  acknowledge(publicUrl: URL, linkId: string): void;
}

/** What an admitted link has to say later. */
export interface Admission {
  /** Says anew who may call the tunnel, whichever of its links says so. */
  setAccess(access: EdgeAccess | undefined): void;
  /** Nothing new may come, and the name is free. */
  release(): void;
  /** The link is gone; the name is kept for its reconnect. */
  ended(detail: string): void;
}

/** The agents' side of the relay: takes their sockets, registers them, knows who serves what. */
export class AgentHub {
  readonly names: NameRegistry;
  readonly owners = new TokenOwners();
  readonly #options: AgentHubOptions;
  /** Every open link, with the name it serves or served and the identity that registered it. */
  readonly #links = new Map<EdgeLink, { readonly name: string; readonly identity: string }>();
  readonly #budget = new WindowBudget(GROWTH_BYTES);
  readonly #pending: PendingRegistrations;
  #draining = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: AgentHubOptions) {
    this.#options = options;
    this.names = new NameRegistry(options.clock, options);
    this.#pending = new PendingRegistrations(options.pendingLinks);
  }

  get links(): number {
    return this.#links.size;
  }

  get pending(): number {
    return this.#pending.size;
  }

  get streams(): number {
    let streams = 0;
    for (const link of this.#links.keys()) streams += link.active;
    return streams;
  }

  /** Takes over a socket whose request asks for a link of our own protocol. */
  accept(request: RequestHead, socket: Socket, buffered: Buffer, address: string): void {
    this.upgrade(request, socket, async (spoke) => {
      const registered = await registerLink(socket, buffered, { ...this.#options, spoke });
      return () => this.#serve(registered, address);
    });
  }

  /**
   * Upgrades a socket to WebSocket if there is room for another link.
   *
   * @param register gives what makes the link serve, and says when the agent `spoke` and when we
   *   wait for more of it; on a `LinkError` it has closed the socket
   */
  upgrade(
    request: RequestHead,
    socket: Socket,
    register: (spoke: () => void, asked: () => void) => Promise<() => void>,
  ): void {
    const upgrade = acceptUpgrade((name) => request.get(name));
    if ('refusal' in upgrade) {
      refuseSocket(socket, '400 Bad Request', `${upgrade.refusal}\n`);
      return;
    }
    if (this.#draining || this.#links.size >= this.#options.links || !this.#pending.enter(socket)) {
      refuseSocket(socket, '503 Service Unavailable', 'no room for another link\n');
      return;
    }
    socket.write(upgrade.answer, 'latin1');
    register(
      () => this.#pending.spoke(socket),
      () => this.#pending.listens(socket),
    ).then(
      (serve) => {
        this.#pending.leave(socket);
        serve();
      },
      (err: unknown) => {
        if (err instanceof LinkError) {
          this.#options.log.info({ reason: err.reason, detail: err.message }, 'link not registered');
          return;
        }
        this.#options.log.error({ err }, 'registration failed');
        socket.destroy();
      },
    );
  }

  /** Ends a name's links and everything on them. Says whether there was one. */
  disconnect(name: string, forGood: boolean, reason: string): boolean {
    const holder = this.names.find(name);
    if (holder === undefined) return false;
    if (forGood) {
      this.names.release(name, holder, 'dismissed');
      this.owners.remove(holder);
    }
    // Also links that only finish what they have.
    for (const [link, of] of [...this.#links]) {
      if (of.name === name) link.close(forGood ? 'dismissed' : 'closing', reason);
    }
    return true;
  }

  /** Asks every agent to dial elsewhere; what is in flight goes on. */
  drain(): void {
    this.#draining = true;
    for (const link of this.#links.keys()) {
      link.goaway('draining', 'the relay is shutting down');
      // It has no successor to wait for: it ends once it is idle.
      if (!link.returns) link.whenIdle(() => link.close('draining', 'the relay is shutting down'));
    }
  }

  /** Resolves once no link is left, or after `timeoutMs` (milliseconds). */
  emptied(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#links.size === 0 || timeoutMs <= 0) {
        resolve();
        return;
      }
      const timer = this.#options.clock.setTimer(resolve, timeoutMs);
      this.#onEmpty = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  close(): void {
    this.#draining = true;
    this.#pending.close();
    for (const link of [...this.#links.keys()]) link.close('draining', 'the relay is shutting down');
    this.names.close();
  }

  /** An agent of our own protocol is registered. */
  #serve({ wire, hello, name, identity }: Registered, address: string): void {
    const { clock, streamsPerLink } = this.#options;
    const own = ownTerms(streamsPerLink);
    const guard = new EdgeGuard(hello.access, clock);
    const group = hello.group === undefined ? {} : { group: hello.group };
    let admission: Admission | undefined;
    const desk = new CheckDesk(
      clock,
      (nonce) => this.#options.look(name, link, nonce),
      (answer) => {
        const payload = encodeCheck(answer);
        wire.frame(FrameType.checked, 0, payload, 0, payload.length, false);
      },
    );
    const mux = new Mux({
      wire,
      clock,
      receiveWindow: own.window,
      budget: this.#budget,
      sendWindow: hello.window,
      maxStreams: Math.min(own.maxStreams, hello.maxStreams),
      maxFrame: hello.maxFrame,
      onAccess: (payload) => {
        const access = decodeAccessFrame(payload);
        if (admission === undefined) guard.set(access);
        else admission.setAccess(access);
      },
      onCheck: (payload) => desk.ask(payload),
      // Whatever the reason, the agent means it: nothing new goes to it.
      onGoaway: () => admission?.release(),
      onClosed: (error) => admission?.ended(error.message),
    });
    const link = new MuxEdgeLink(mux);
    admission = this.admit({
      name,
      identity,
      guard,
      link,
      address,
      ...group,
      yields: hello.yields === true,
      acknowledge(publicUrl, link) {
        const payload = encodeHello({
          ...own,
          publicUrl: publicUrl.href,
          link,
          ...group,
          checks: true,
          yields: true,
        });
        wire.frame(FrameType.hello, 0, payload, 0, payload.length, false);
        mux.measure();
      },
    });
  }

  /**
   * Gives an applicant its name, unless another identity has it: then its link is closed.
   *
   * @returns how to take the name back; undefined when the applicant was refused
   */
  admit(applicant: Applicant): Admission | undefined {
    const { name, identity, guard, link, address, group, acknowledge } = applicant;
    const { clock, log, publicUrl } = this.#options;
    if (this.#draining) {
      link.close('overloaded', 'the relay is shutting down');
      return undefined;
    }
    const { linksPerIdentity } = this.#options;
    if (this.#count((other) => other.identity === identity) >= linksPerIdentity()) {
      link.close('overloaded', `this token has ${linksPerIdentity()} links already, as many as it may`);
      return undefined;
    }
    if (this.#count((other) => other.name === name) >= MAX_LINKS_OF_NAME) {
      link.close('overloaded', `${MAX_LINKS_OF_NAME} links of the name ${name} are open already`);
      return undefined;
    }
    const linkId = randomUUID();
    const partner = this.#partnerOf(applicant);
    if (partner !== undefined) {
      partner.link.add(link);
      this.#links.set(link, { name, identity });
      acknowledge(publicUrl(name), linkId);
      log.info({ name, link: linkId, partner: partner.holder.linkId }, 'link registered');
      return this.#admission(link, linkId, partner.holder);
    }
    const served = this.names.find(name);
    if (applicant.yields && served?.identity === identity && !served.link.leaving) {
      link.close('held', `another agent with the same credential serves the name ${name}`);
      return undefined;
    }
    const serving = group === undefined ? link : new EdgeLinkGroup(group, link);
    const openedAt = clock.now();
    const holder: NameHolder = { name, identity, link: serving, guard, linkId, openedAt, address };
    const claimed = this.names.claim(name, holder);
    if (claimed === 'taken') {
      link.close('nameTaken', `somebody else holds the name ${name}`);
      return undefined;
    }
    this.#links.set(link, { name, identity });
    this.owners.set(holder);
    if (claimed.replaced !== undefined) this.owners.remove(claimed.replaced);
    // Routing is live by now; the acknowledgement leaves before the first request can.
    acknowledge(publicUrl(name), linkId);
    const replaced = claimed.replaced !== undefined;
    const access = accessOf(guard);
    log.info({ name, link: linkId, replaced, dialect: link.dialect, access }, 'link registered');
    this.#options.onRegistered?.(name);
    this.names.wake(name);
    if (claimed.replaced !== undefined) this.#retire(claimed.replaced.link);
    return this.#admission(link, linkId, holder);
  }

  #count(fits: (of: { readonly name: string; readonly identity: string }) => boolean): number {
    let count = 0;
    for (const of of this.#links.values()) if (fits(of)) count += 1;
    return count;
  }

  /** The links of the same agent that hold the name already. */
  #partnerOf({ name, identity, group }: Applicant): { holder: NameHolder; link: EdgeLinkGroup } | undefined {
    const holder = this.names.find(name);
    if (holder?.identity !== identity || !(holder.link instanceof EdgeLinkGroup)) return undefined;
    return holder.link.id === group ? { holder, link: holder.link } : undefined;
  }

  #admission(link: EdgeLink, linkId: string, holder: NameHolder): Admission {
    const leave = (departure: Departure) => {
      if (holder.link instanceof EdgeLinkGroup) {
        holder.link.remove(link);
        if (holder.link.size > 0) return;
      }
      this.names.release(holder.name, holder, departure);
      this.owners.remove(holder);
    };
    return {
      setAccess: (access) => {
        holder.guard.set(access);
        if (this.names.find(holder.name) === holder) this.owners.set(holder);
      },
      // An agent that leaves while we shut down has moved on: its name comes back elsewhere.
      release: () => leave(this.#draining ? 'lost' : 'left'),
      ended: (detail) => {
        this.#links.delete(link);
        leave('lost');
        this.#options.log.info({ name: holder.name, link: linkId, detail }, 'link ended');
        if (this.#links.size === 0) this.#onEmpty?.();
      },
    };
  }

  /** The old link of a name finishes what it has, and gets no more. */
  #retire(link: EdgeLink): void {
    if (link.leaving) {
      link.whenIdle(() => link.end('superseded'));
      return;
    }
    link.goaway('superseded', 'the name was registered again with the same credential');
    const timer = this.#options.clock.setTimer(end, SUPERSEDED_GRACE_MS);
    link.whenIdle(end);
    function end(): void {
      timer.cancel();
      link.end('superseded');
    }
  }
}

/** For the operator: who may call a tunnel, as far as the relay is told. */
export function accessOf(guard: EdgeGuard): 'token' | 'open' {
  return guard.open ? 'open' : 'token';
}

/** Refuses a socket that asked for a link, and ends it. @param headers more of them, each with its CRLF */
export function refuseSocket(socket: Socket, status: string, text: string, headers = ''): void {
  socket.on('error', () => socket.destroy());
  socket.resume();
  socket.end(
    `HTTP/1.1 ${status}\r\n${RELAY_HEADER}: no-link\r\n${headers}Content-Type: text/plain\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
  );
  socket.once('finish', () => socket.destroy());
}
