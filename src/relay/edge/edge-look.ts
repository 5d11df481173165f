import type { Clock } from '../../core/clock.ts';
import { type BodySink, type Exchange, Flow, type Peer, type ResponseHead } from '../../core/exchange.ts';
import { GATEWAY_HEALTH_PATH, PROBE_HEADER, RELAY_HEADER } from '../../core/markers.ts';
import { type ParsedRequestHead, parseRequestHead } from '../../http1/request-head.ts';
import { CHECK_HEADER, type CheckAnswer } from '../link/link-check.ts';
import type { EdgeLink } from './edge-link.ts';
import { EdgeLinkGroup } from './edge-link-group.ts';
import type { NameRegistry } from './name-registry.ts';
import type { Routing } from './routing.ts';

/** An agent that did not answer by then does not answer (milliseconds). */
const PATIENCE_MS = 5_000;

export interface Look {
  readonly name: string;
  /** The link that asked: one of those that serve the name. */
  readonly via: EdgeLink;
  readonly nonce: string;
}

export interface LookOptions {
  readonly routing: Routing;
  readonly names: NameRegistry;
  readonly clock: Clock;
}

/**
 * Looks at a name as a visitor would: by its public URL through routing, the registry, its link and
 * the agent's gateway. The request is made here, leads nowhere but to the name's own link, and shows
 * no token: what it may is for the gateway to say. Nothing a visitor sends comes this way.
 *
 * Whatever stands in front of the relay (name servers, proxies, TLS) is not seen. Never rejects.
 */
export function lookAt(
  { name, via, nonce }: Look,
  { routing, names, clock }: LookOptions,
): Promise<CheckAnswer> {
  const url = routing.publicUrl(name);
  const target = url.pathname.replace(/\/+$/, '') + GATEWAY_HEALTH_PATH;
  const route = routing.route(url.host, target);
  const failed = (detail: string): CheckAnswer => ({ nonce, proven: false, detail });
  if (route?.name !== name) return Promise.resolve(failed('the public URL does not lead to this tunnel'));
  const serving = names.find(name)?.link;
  if (serving === undefined) return Promise.resolve(failed('no link serves the name'));
  if (serving !== via && !(serving instanceof EdgeLinkGroup && serving.has(via)))
    return Promise.resolve(failed('another link serves the name'));
  return new Promise((resolve) => {
    const exchange = new LookExchange(url, target, nonce, (answer) => {
      timer.cancel();
      resolve(answer);
    });
    const timer = clock.setTimer(
      () => exchange.giveUp(`no answer within ${PATIENCE_MS / 1_000} s`),
      PATIENCE_MS,
    );
    via.forward(exchange, route.target);
  });
}

/** The relay as its own visitor. */
class LookExchange implements Exchange {
  readonly request: ParsedRequestHead;
  readonly peer: Peer;
  onDrain: (() => void) | undefined;
  onClose: ((reason: string) => void) | undefined;
  readonly #nonce: string;
  readonly #done: (answer: CheckAnswer) => void;
  #over = false;

  constructor(url: URL, target: string, nonce: string, done: (answer: CheckAnswer) => void) {
    this.request = parseRequestHead(
      `GET ${target} HTTP/1.1\r\nHost: ${url.host}\r\n${CHECK_HEADER}: ${nonce}`,
    );
    const scheme = url.protocol === 'https:' ? 'https' : 'http';
    this.peer = { address: '-', scheme, host: url.host, via: 'provider' };
    this.#nonce = nonce;
    this.#done = done;
  }

  /** No answer came in time. */
  giveUp(detail: string): void {
    if (this.#over) return;
    this.#finish({ proven: false, detail });
    this.onClose?.('timeout');
  }

  /** A GET has none. */
  readBody(sink: BodySink): void {
    sink.end();
  }

  resumeBody(): void {}

  /** The head says it all; a body is let pass. */
  respond(head: ResponseHead, _first?: Buffer, _last?: boolean): Flow {
    if (head.status < 200) return Flow.consumed;
    const proven = head.get(PROBE_HEADER) === this.#nonce;
    const refusal = head.get(RELAY_HEADER);
    const detail = refusal === undefined ? {} : { detail: `the relay answers ${refusal}` };
    this.#finish({ status: head.status, proven, ...(proven ? {} : detail) });
    return Flow.consumed;
  }

  write(_chunk: Buffer): Flow {
    return Flow.consumed;
  }

  end(): void {}

  abort(reason: string): void {
    this.#finish({ proven: false, detail: reason });
  }

  #finish(answer: Omit<CheckAnswer, 'nonce'>): void {
    if (this.#over) return;
    this.#over = true;
    this.#done({ nonce: this.#nonce, ...answer });
  }
}
