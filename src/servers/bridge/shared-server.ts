import type { Clock, Timer } from '../../core/clock.ts';
import { TunneldError } from '../../core/errors.ts';
import type { Channel } from './channel.ts';
import { type Greeting, OtherEra, SHARED_CAPABILITIES, shakeHands } from './handshake.ts';
import type { Knowledge } from './knowledge.ts';
import type { Member } from './member.ts';
import { Multiplexer } from './multiplexer.ts';
import type { RpcMessage } from './rpc.ts';
import type { Supply } from './supply.ts';

export interface SharedServerOptions {
  readonly supply: Supply;
  readonly greeting: Greeting;
  /** Its clients may be asked for something. */
  readonly asksClients: boolean;
  /** It is ended when nobody used it for this long (milliseconds). */
  readonly idleMs: number | undefined;
  readonly clock: Clock;
  /** Awaited before it is started. */
  readonly before: () => Promise<void>;
  readonly onKnowledge: (knowledge: Knowledge) => void;
  readonly onStray: () => void;
}

/** A server that several clients share: started when one needs it, greeted once, ended when it is idle. */
export class SharedServer {
  readonly #options: SharedServerOptions;
  #running: Promise<Running> | undefined;
  #ready: Running | undefined;
  #idle: Timer | undefined;
  #lastUsed = 0;
  /** There are servers that end at a word they do not know. */
  #plainly = false;

  constructor(options: SharedServerOptions) {
    this.#options = options;
  }

  /** @throws {TunneldError} why it cannot be had @throws {OtherEra} */
  ready(): Promise<Running> {
    if (this.#running === undefined) {
      const starting = this.#start();
      this.#running = starting;
      starting.catch(() => {
        if (this.#running === starting) this.#running = undefined;
      });
    }
    return this.#running;
  }

  /** Passes on what a member says, once the server is ready. Rejects as `ready` does. */
  async send(member: Member, message: RpcMessage, text: string): Promise<void> {
    // What is ready is used at once: messages stay in their order.
    const { multiplexer } = this.#ready ?? (await this.ready());
    this.#lastUsed = this.#options.clock.monotonic();
    multiplexer.join(member);
    multiplexer.send(member, message, text);
  }

  leave(member: Member): void {
    this.#ready?.multiplexer.leave(member);
  }

  get backlog(): number {
    return this.#ready?.multiplexer.channel.backlog ?? 0;
  }

  /** Takes over one that was started elsewhere; ends it where there is one already. */
  async adopt(running: Running): Promise<void> {
    if (this.#running !== undefined) {
      await this.#options.supply.end(running.multiplexer.channel);
      return;
    }
    this.#running = Promise.resolve(running);
    this.#isReady(running);
    void running.multiplexer.channel.closed.then((why) => this.#ended(running.multiplexer, why));
  }

  /** Gives it away: it is nobody's until it is adopted. */
  release(): void {
    this.#forget();
  }

  /** Ends it; its members stay, and start it again when they need it. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#forget();
    const { multiplexer } = (await running?.catch(() => undefined)) ?? {};
    if (multiplexer !== undefined) await this.#options.supply.end(multiplexer.channel);
  }

  async #start(): Promise<Running> {
    const { supply, asksClients, onKnowledge, onStray, clock } = this.#options;
    const greeting = this.#plainly ? 'legacy' : this.#options.greeting;
    await this.#options.before();
    let multiplexer: Multiplexer | undefined;
    const channel = await supply.open({ message: (message, text) => multiplexer?.received(message, text) });
    const opened = new Multiplexer(channel, onStray);
    multiplexer = opened;
    void channel.closed.then((why) => this.#ended(opened, why));
    supply.asked(channel);
    try {
      const knowledge = await shakeHands(opened, greeting, asksClients ? SHARED_CAPABILITIES : {}, clock);
      supply.proven(channel);
      onKnowledge(knowledge);
      const running = { multiplexer: opened, knowledge };
      this.#isReady(running);
      return running;
    } catch (error) {
      if (error instanceof OtherEra) await supply.end(channel);
      await closeAfterRefusal(channel, error);
      if (greeting !== 'any' || !(error instanceof TunneldError) || error.code !== 'SERVER_EXITED')
        throw error;
      this.#plainly = true;
      supply.forgive();
      return this.#start();
    }
  }

  #isReady(running: Running): void {
    this.#lastUsed = this.#options.clock.monotonic();
    this.#ready = running;
    this.#watchIdle();
  }

  #ended(multiplexer: Multiplexer, why: TunneldError): void {
    if (this.#ready?.multiplexer === multiplexer) this.#forget();
    multiplexer.end(why);
  }

  #forget(): void {
    this.#idle?.cancel();
    this.#running = undefined;
    this.#ready = undefined;
  }

  #watchIdle(): void {
    const { idleMs, clock } = this.#options;
    if (idleMs === undefined) return;
    this.#idle?.cancel();
    this.#idle = clock.setTimer(
      () => {
        const ready = this.#ready;
        if (ready === undefined) return;
        if (ready.multiplexer.inUse) this.#lastUsed = clock.monotonic();
        if (clock.monotonic() - this.#lastUsed >= idleMs) void this.stop();
        else this.#watchIdle();
      },
      Math.max(100, this.#lastUsed + idleMs - clock.monotonic()),
    );
  }
}

export interface Running {
  readonly multiplexer: Multiplexer;
  readonly knowledge: Knowledge;
}

/** A server that refuses every handshake is of no use, and must not stay. */
async function closeAfterRefusal(channel: Channel, error: unknown): Promise<void> {
  if (error instanceof TunneldError && error.code === 'SERVER_SILENT') await channel.close(error);
}
