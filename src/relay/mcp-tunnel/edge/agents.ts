import type { Socket } from 'node:net';
import type { Clock } from '../../../core/clock.ts';
import type { Exchange, RequestHead } from '../../../core/exchange.ts';
import { addressKey } from '../../edge/address-key.ts';
import type { Authorize } from '../../edge/authorization.ts';
import { ByteBudget } from '../../edge/byte-budget.ts';
import type { Admission, LinkHub } from '../../edge/link-hub.ts';
import { refuse } from '../../edge/relay-answer.ts';
import { EdgeGuard } from '../../link/edge-access.ts';
import { encodeRegisterAck } from '../messages.ts';
import { type AgentLimits, AgentLink } from './agent-link.ts';
import { type RegisteredAgent, registerAgent } from './register-agent.ts';

/** Reserved on every host of the relay, since the clients dial any of them. */
const REGISTER_PATH = '/_tunnel/register';
/** Bodies of all these tunnels that wait here at once (bytes). */
const HELD_BYTES = 268_435_456;
/** What all their agents may have sent of messages that are not whole yet (bytes). */
const ARRIVING_BYTES = 268_435_456;
const DEFAULT_REQUEST_BODY_BYTES = 5_242_880;
const DEFAULT_ANSWER_BODY_BYTES = 10_485_760;
/** What a message of 64 MiB has room for, the most that either side's library takes. */
const MOST_BODY_BYTES = 50_000_000;
const ANSWER_QUEUE_BYTES = 8_388_608;

export interface McpTunnelAgentsOptions {
  readonly hub: LinkHub;
  readonly authorize: Authorize;
  readonly clock: Clock;
  readonly limits: {
    readonly streamsPerLink: number;
    /** 0 or absent: what mcp-tunnel allowed. */
    readonly maxRequestBodyBytes?: number;
    readonly maxResponseBodyBytes?: number;
  };
}

/** The relay's side for clients of mcp-tunnel and of mcpr, which register and serve as they always did. */
export class McpTunnelAgents {
  readonly #options: McpTunnelAgentsOptions;
  readonly #budget = new ByteBudget(HELD_BYTES);
  readonly #arriving = new ByteBudget(ARRIVING_BYTES);
  #limits: AgentLimits;

  constructor(options: McpTunnelAgentsOptions) {
    this.#options = options;
    this.#limits = agentLimits(options.limits);
  }

  /** For agents that register from now on. */
  setLimits(limits: McpTunnelAgentsOptions['limits']): void {
    this.#limits = agentLimits(limits);
  }

  /** Takes over a socket whose request is for `REGISTER_PATH`. */
  accept(request: RequestHead, socket: Socket, buffered: Buffer, address: string): void {
    const { hub, authorize, clock } = this.#options;
    hub.upgrade(request, socket, async (spoke, asked) => {
      const context = { authorize, clock, address: addressKey(address), spoke, asked };
      const registered = await registerAgent(socket, buffered, context);
      return () => this.#serve(registered, address);
    });
  }

  #serve({ wire, name, identity }: RegisteredAgent, address: string): void {
    const { hub, clock } = this.#options;
    let admission: Admission | undefined;
    wire.room = this.#arriving;
    const link = new AgentLink({
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

function agentLimits(limits: McpTunnelAgentsOptions['limits']): AgentLimits {
  const { streamsPerLink, maxRequestBodyBytes, maxResponseBodyBytes } = limits;
  return {
    streams: streamsPerLink,
    requestBodyBytes: Math.min(maxRequestBodyBytes || DEFAULT_REQUEST_BODY_BYTES, MOST_BODY_BYTES),
    answerBodyBytes: Math.min(maxResponseBodyBytes || DEFAULT_ANSWER_BODY_BYTES, MOST_BODY_BYTES),
    answerQueueBytes: ANSWER_QUEUE_BYTES,
  };
}

export function isRegisterPath(target: string): boolean {
  return target === REGISTER_PATH || target.startsWith(`${REGISTER_PATH}?`);
}

/** For a request that is no WebSocket handshake. */
export function refuseRegistration(exchange: Exchange): void {
  const isGet = exchange.request.method === 'GET';
  refuse(exchange, {
    status: isGet ? 400 : 405,
    reason: 'upgrade-required',
    message: "Connection header did not include 'upgrade': agents of mcp-tunnel register here by WebSocket.",
    ...(isGet ? {} : { headers: ['Allow', 'GET'] }),
  });
}
