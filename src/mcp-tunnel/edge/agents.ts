import type { Socket } from 'node:net';
import { EdgeGuard } from '../../access/edge-guard.ts';
import type { Exchange, RequestHead } from '../../core/exchange.ts';
import { addressKey } from '../../relay/edge/address-key.ts';
import type { Admission } from '../../relay/edge/agent-hub.ts';
import type { DialectContext, DialectLimits, EdgeDialect } from '../../relay/edge/dialect.ts';
import { refuse } from '../../relay/edge/relay-answer.ts';
import { ByteBudget } from '../wire/byte-budget.ts';
import { encodeRegisterAck } from '../wire/messages.ts';
import { REGISTER_ENDPOINT } from '../wire/register-endpoint.ts';
import type { AgentLimits } from './agent-limits.ts';
import { McpTunnelEdgeLink } from './mcp-tunnel-edge-link.ts';
import { type RegisteredAgent, registerAgent } from './register-agent.ts';

/** Bodies of all these tunnels that wait here at once (bytes). */
const HELD_BYTES = 268_435_456;
/** What all their agents may have sent of messages that are not whole yet (bytes). */
const ARRIVING_BYTES = 268_435_456;
const DEFAULT_REQUEST_BODY_BYTES = 5_242_880;
const DEFAULT_ANSWER_BODY_BYTES = 10_485_760;
/** What a message of 64 MiB has room for, the most that either side's library takes. */
const MOST_BODY_BYTES = 50_000_000;
const ANSWER_QUEUE_BYTES = 8_388_608;

/** The relay's side for clients of mcp-tunnel and of mcpr, which register and serve as they always did. */
export class McpTunnelAgents implements EdgeDialect {
  readonly path = REGISTER_ENDPOINT.path;
  readonly #context: DialectContext;
  readonly #budget = new ByteBudget(HELD_BYTES);
  readonly #arriving = new ByteBudget(ARRIVING_BYTES);
  #limits: AgentLimits;

  constructor(context: DialectContext) {
    this.#context = context;
    this.#limits = agentLimits(context.limits);
  }

  setLimits(limits: DialectLimits): void {
    this.#limits = agentLimits(limits);
  }

  accept(request: RequestHead, socket: Socket, buffered: Buffer, address: string): void {
    const { hub, authorize, clock } = this.#context;
    hub.upgrade(request, socket, async (spoke, asked) => {
      const context = { authorize, clock, address: addressKey(address), spoke, asked };
      const registered = await registerAgent(socket, buffered, context);
      return () => this.#serve(registered, address);
    });
  }

  /** For a request that is no WebSocket handshake. */
  refuse(exchange: Exchange): void {
    const isGet = exchange.request.method === 'GET';
    refuse(exchange, {
      status: isGet ? 400 : 405,
      reason: 'upgrade-required',
      message:
        "Connection header did not include 'upgrade': agents of mcp-tunnel register here by WebSocket.",
      ...(isGet ? {} : { headers: ['Allow', 'GET'] }),
    });
  }

  #serve({ wire, name, identity }: RegisteredAgent, address: string): void {
    const { hub, clock } = this.#context;
    let admission: Admission | undefined;
    wire.room = this.#arriving;
    const link = new McpTunnelEdgeLink({
      wire,
      clock,
      limits: this.#limits,
      budget: this.#budget,
      onClosed: (detail) => admission?.ended(detail),
    });
    admission = hub.admit({
      name,
      identity,
      guard: new EdgeGuard(undefined, clock),
      link,
      address,
      acknowledge(publicUrl) {
        link.pathPrefix = publicUrl.pathname.replace(/\/$/, '');
        // Where the name is the host, clients expect no path at all.
        const url = publicUrl.href.replace(/\/$/, '');
        wire.send(encodeRegisterAck({ subdomain: name, url }));
      },
    });
  }
}

function agentLimits(limits: DialectLimits): AgentLimits {
  const { streamsPerLink, maxRequestBodyBytes, maxResponseBodyBytes } = limits;
  return {
    streams: streamsPerLink,
    requestBodyBytes: Math.min(maxRequestBodyBytes || DEFAULT_REQUEST_BODY_BYTES, MOST_BODY_BYTES),
    answerBodyBytes: Math.min(maxResponseBodyBytes || DEFAULT_ANSWER_BODY_BYTES, MOST_BODY_BYTES),
    answerQueueBytes: ANSWER_QUEUE_BYTES,
  };
}
