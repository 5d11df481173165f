import type { JudgePage } from '../core/edge-page.ts';
import {
  INSTANCE_HEADER,
  PROBE_HEADER,
  REASON_HEADER,
  RELAY_HEADER,
  UPSTREAM_HEADER,
} from '../core/markers.ts';
import type { Saw } from './judge-server.ts';
import { printable } from './printable.ts';
import type { ProbeResult } from './probe-result.ts';
import type { Answer } from './question.ts';

/** What proves that an answer is our gateway's, and new. */
export interface Proof {
  readonly instance: string;
  readonly nonce: string;
}

/** What the answer of the gateway's own path through the public URL says about the way to us. */
export function judgeCarrier(answer: Answer, url: URL, proof: Proof, judgePage?: JudgePage): Saw {
  const { status, latencyMs } = answer;
  const seen: Seen = (finding, detail) => ({ finding, detail, latencyMs });
  const instance = answer.header(INSTANCE_HEADER);
  if (instance === undefined) return judgeStranger(answer, url, seen, judgePage);
  if (instance !== proof.instance) return seen('wrong-tunnel', 'another tunneld answers at the public URL');
  const upstream = answer.header(UPSTREAM_HEADER);
  if (upstream === 'n/a' && status === 401) {
    return seen('token-refused', `our own gateway refuses the tunnel's token (${status})`);
  }
  // A cache in between would otherwise keep a dead tunnel looking well.
  if (answer.header(PROBE_HEADER) !== proof.nonce) {
    return seen('stale-answer', `the answer is not to this request (${status})`);
  }
  if (upstream !== 'n/a')
    return seen('gateway-refused', `the path of our request was changed on its way (${status})`);
  if (answer.cut !== undefined) {
    return seen('stalled', `the answer's head came through (${status}), its body did not`);
  }
  return judgeGateway(answer, seen);
}

type Seen = (finding: ProbeResult['finding'], detail: string) => Saw;

/** Our gateway answered by itself: the way is open. */
function judgeGateway({ status, header }: Answer, seen: Seen): Saw {
  if (status === 200) return seen('ok', 'the gateway answers');
  if (status === 429 || status === 503) return seen('busy', `the gateway is at its limits (${status})`);
  const reason = printable(header(REASON_HEADER) ?? 'no reason');
  if (reason === 'no-stream') return seen('no-stream', `the relay carries no event streams (${status})`);
  return seen('gateway-refused', `the gateway refuses what arrives (${status}, ${reason})`);
}

/** Not our gateway answered, but something in front of it: an error page, a login, a stale address. */
function judgeStranger(answer: Answer, url: URL, seen: Seen, judgePage?: JudgePage): Saw {
  const { status } = answer;
  const known = judgePage?.({ status, header: (name) => answer.header(name) });
  if (known !== undefined) return { ...known, latencyMs: answer.latencyMs };
  const relay = answer.header(RELAY_HEADER);
  if (relay === 'tunnel-busy') return seen('busy', `the tunnel is at its limits (${status})`);
  if (status === 429) {
    const retryAfterMs = Number(answer.header('retry-after')) * 1_000;
    const limited = seen('limited', 'the provider says that its quota is used up (429)');
    return retryAfterMs > 0 ? { ...limited, retryAfterMs } : limited;
  }
  if (status === 401 || status === 403 || status === 407) {
    return seen('edge-auth', `the provider refuses the request before it reaches us (${status})`);
  }
  if (status >= 300 && status < 400 && redirectsToTls(answer, url)) {
    return seen('redirected', `the public URL redirects to https (${status})`);
  }
  if (relay !== undefined) return seen('not-ours', `the relay answers ${printable(relay)} (${status})`);
  const type = printable(answer.header('content-type')?.split(';')[0] ?? 'no type');
  return seen('not-ours', `something else than our gateway answers at the public URL (${status}, ${type})`);
}

/** Any other redirect is a provider sending unknown names to its home page. */
function redirectsToTls(answer: Answer, url: URL): boolean {
  const location = answer.header('location') ?? '';
  if (!URL.canParse(location, url.href)) return false;
  const target = new URL(location, url);
  return url.protocol === 'http:' && target.protocol === 'https:' && target.hostname === url.hostname;
}
