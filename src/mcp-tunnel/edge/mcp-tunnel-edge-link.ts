import type { Clock } from '../../core/clock.ts';
import type { Exchange } from '../../core/exchange.ts';
import type { EdgeLink } from '../../relay/edge/edge-link.ts';
import { refuse } from '../../relay/edge/relay-answer.ts';
import { Heartbeat } from '../../relay/link/heartbeat.ts';
import type { GoawayReason } from '../../relay/link/link-error.ts';
import type { ByteBudget } from '../wire/byte-budget.ts';
import { closeCodeOf, EVICTED_TEXT } from '../wire/close-codes.ts';
import { decodeAgentMessage, encodeCancel, encodeTunnelRequest, type Generation } from '../wire/messages.ts';
import type { TextSocket } from '../wire/text-socket.ts';
import type { AgentLimits } from './agent-limits.ts';
import { AgentVisit } from './agent-visit.ts';
import { DISCONNECTED, OVERLOADED } from './refusals.ts';

/** Requests the agent has not read yet (bytes); beyond, it is asked nothing more. */
const MAX_BACKLOG_BYTES = 16_777_216;
/** What an answer of the first generation holds besides its body, of which base64 makes four thirds. */
const ENVELOPE_BYTES = 65_536;

export interface McpTunnelEdgeLinkOptions {
  readonly wire: TextSocket;
  readonly clock: Clock;
  readonly limits: AgentLimits;
  /** Of the whole relay: bodies are held here, since the protocol has no flow control. */
  readonly budget: ByteBudget;
  readonly onClosed: (detail: string) => void;
}

/** A client of mcp-tunnel, of either generation: its first answer shows which. */
export class McpTunnelEdgeLink implements EdgeLink {
  readonly returns = false;
  readonly leaving = false;
  /** Path in front of what the agent is asked for, where tunnels are told apart by path. */
  pathPrefix = '';
  readonly #options: McpTunnelEdgeLinkOptions;
  readonly #wire: TextSocket;
  readonly #visits = new Map<string, AgentVisit>();
  readonly #heartbeat: Heartbeat;
  #generation: Generation | undefined;
  #onIdle: (() => void)[] = [];

  constructor(options: McpTunnelEdgeLinkOptions) {
    const { wire, clock, limits } = options;
    this.#options = options;
    this.#wire = wire;
    this.#heartbeat = new Heartbeat({
      clock,
      spoke: () => wire.takeSpoke(),
      stalledMs: () => wire.stalledMs,
      ping: () => wire.ping(),
      dead: (why) => wire.destroy(why),
    });
    wire.limit = ENVELOPE_BYTES + Math.ceil(limits.answerBodyBytes / 3) * 4;
    wire.onHeard = () => this.#heartbeat.heard();
    wire.onText = (text) => this.#onText(text);
    wire.onTooLong = (start) => this.#onTooLong(start);
    wire.onClosed = ({ code, reason }) => this.#onClosed(code === undefined ? reason : `${code} ${reason}`);
  }

  get dialect(): string {
    if (this.#generation === undefined) return 'mcp-tunnel';
    return this.#generation === 'buffered' ? 'mcp-tunnel 0.1' : 'mcp-tunnel 0.2';
  }

  get active(): number {
    return this.#visits.size;
  }

  forward(exchange: Exchange, target: string): void {
    const { clock, limits, budget } = this.#options;
    const wire = this.#wire;
    if (wire.closed) refuse(exchange, DISCONNECTED);
    else if (this.#visits.size >= limits.streams || wire.unsentBytes > MAX_BACKLOG_BYTES) {
      refuse(exchange, OVERLOADED);
    } else {
      const visit = new AgentVisit(exchange, target, {
        pathPrefix: this.pathPrefix,
        clock,
        limits,
        budget,
        // Both generations take the second's form; the first does not know its `kind` and skips that.
        ask: (request) => wire.send(encodeTunnelRequest({ ...request, generation: 'streamed' })),
        cancel: (id) => this.#cancel(id),
        done: (id) => this.#forget(id),
      });
      this.#visits.set(visit.id, visit);
      visit.start();
    }
  }

  /** The protocol has no word for it: closing is all these clients understand. */
  goaway(): void {}

  whenIdle(callback: () => void): void {
    if (this.#visits.size === 0) callback();
    else this.#onIdle.push(callback);
  }

  close(reason: GoawayReason, detail: string): void {
    this.#wire.close(closeCodeOf(reason), reason === 'superseded' ? EVICTED_TEXT : detail);
  }

  end(reason: GoawayReason): void {
    this.close(reason, reason);
  }

  #onText(text: string): void {
    const message = decodeAgentMessage(text);
    if (message === undefined) return;
    this.#generation ??= message.kind === 'response' ? 'buffered' : 'streamed';
    this.#visits.get(message.id)?.take(message);
  }

  /** Only answers in one piece are that long; one of them must not cost the others their link. */
  #onTooLong(start: string): void {
    const id = /"id"\s*:\s*"([0-9a-f-]{36})"/.exec(start)?.[1];
    if (id !== undefined) this.#visits.get(id)?.tooLong();
  }

  #cancel(id: string): void {
    if (this.#generation !== 'buffered') this.#wire.send(encodeCancel({ id }));
  }

  #forget(id: string): void {
    this.#visits.delete(id);
    if (this.#visits.size > 0) return;
    const callbacks = this.#onIdle;
    this.#onIdle = [];
    for (const callback of callbacks) callback();
  }

  #onClosed(detail: string): void {
    this.#heartbeat.stop();
    for (const visit of [...this.#visits.values()]) visit.lost();
    this.#options.onClosed(detail);
  }
}
