import type { Verdict } from '../core/status.ts';
import { FINDINGS, type Meaning, meaningOf, type Place, type ProbeResult } from './probe-result.ts';
import type { TrafficView } from './traffic-evidence.ts';

/** Everything a verdict is made of. */
export interface Evidence {
  /** Undefined until the local leg was looked at. */
  readonly local: ProbeResult | undefined;
  /** Undefined until the public leg was looked at, and while no session is open. */
  readonly public: ProbeResult | undefined;
  /** What callers met, where that is nothing good. */
  readonly traffic: TrafficView | undefined;
  /** The public leg's failures in a row, this one included. */
  readonly strikes: number;
  /** What others see of the way to us, while this machine does not see it. */
  readonly carrier: CarrierView;
  /** Whether anything but the tunnel can be reached; only asked when the public leg fails. */
  readonly online: boolean;
  /** A request without token got through during this session. */
  readonly exposed: boolean;
  /** Why no session is open; undefined while one is. */
  readonly absence: Judgement | undefined;
  readonly previous: Verdict;
  readonly place: Place;
}

export type CarrierView =
  /** It works: `proof` says who saw that. */
  | { readonly kind: 'works'; readonly proof: string }
  /** It does not, or nobody but us was asked and we know it from better days. `next`: what is done about it. */
  | { readonly kind: 'broken'; readonly detail: string; readonly next: string }
  /** It cannot be known. `detail` says why. */
  | { readonly kind: 'unknown'; readonly detail: string };

export interface Judgement {
  readonly verdict: Verdict;
  readonly cause: string;
  readonly remedy: string;
}

/** One failure may be a lost packet; a session is not replaced for that. */
const STRIKES_TO_REPLACE = 2;

/** A leg slower than this works, but not well (milliseconds). Slow servers in the field take 1 s. */
const DEGRADED_MS = 3_000;

/**
 * What is known of both legs together. The order of the questions matters: an exposed tunnel outranks
 * everything; what this machine lacks outranks what that makes of the legs; and the server's own
 * failure outranks whatever stands in front of it.
 */
export function judge(evidence: Evidence): Judgement {
  const { local, public: publicLeg, place, absence, carrier } = evidence;
  if (evidence.exposed) return EXPOSED;
  const short = [local, publicLeg].find((leg) => leg !== undefined && meaningOf(leg) === 'machine');
  if (short !== undefined)
    return blame('out-of-resources', short === local ? 'local' : 'public', short, place);
  if (absence !== undefined && absence.verdict !== 'unknown') return absence;
  if (local === undefined) return absence ?? { verdict: 'unknown', cause: 'Not looked at yet.', remedy: '' };
  const unseen = publicLeg !== undefined && UNSEEN.has(meaningOf(publicLeg));
  if (unseen && carrier.kind !== 'works' && (!evidence.online || meaningOf(publicLeg) === 'network')) {
    return networkDown(local, publicLeg, place);
  }
  if (VERDICTS_OF[meaningOf(local)] === 'server-down') return blame('server-down', 'local', local, place);
  if (unseen) {
    const broken = carrierFails(evidence, publicLeg);
    if (broken !== undefined) return broken;
  }
  const served = judgeServing(evidence, local);
  if (served !== undefined) return served;
  if (publicLeg === undefined) return absence ?? { verdict: 'unknown', cause: NOT_SEEN, remedy: '' };
  return unseen ? unverified(publicLeg, carrier, place) : judgeAnswering(local, publicLeg, place);
}

/** Meanings of the public leg that say how far this machine sees, rather than how far visitors come. */
const UNSEEN: ReadonlySet<Meaning> = new Set(['carrier', 'certificate', 'network']);

const NOT_SEEN = 'The public leg was not looked at yet.';

const VERDICTS_OF = {
  alive: 'healthy',
  unproven: 'unverified',
  starting: 'unknown',
  silent: 'unknown',
  server: 'server-down',
  config: 'config',
  carrier: 'tunnel-down',
  certificate: 'config',
  machine: 'out-of-resources',
  network: 'network-down',
  auth: 'auth',
  limited: 'limited',
} as const satisfies Record<Meaning, Verdict>;

/** Whatever is wrong with the server as callers meet it; undefined when nothing is. */
function judgeServing({ local, traffic, place }: Evidence, seen: ProbeResult): Judgement | undefined {
  const own = VERDICTS_OF[meaningOf(seen)];
  // What callers get outweighs a question of ours that was not answered as it should.
  if (own === 'config' || own === 'limited' || own === 'auth' || own === 'unknown')
    return blame(own, 'local', seen, place);
  if (traffic === undefined) return undefined;
  const { result, share } = traffic;
  if (
    share === 'some' ||
    (result.finding === 'timeout' && local?.basis !== 'tcp' && local?.basis !== 'traffic')
  ) {
    return { ...blame('degraded', 'local', result, place), cause: `Local leg: ${result.detail}.` };
  }
  if (result.finding === 'needs-auth') return { ...blame('auth', 'local', result, place), remedy: OWN_LOGIN };
  return blame(VERDICTS_OF[meaningOf(result)], 'local', result, place);
}

const OWN_LOGIN =
  "Have clients send the server's own Authorization, and the tunnel's token as X-Tunneld-Token.";

/** Nothing is wrong with the server, and something answers at the public URL. */
function judgeAnswering(local: ProbeResult, publicLeg: ProbeResult, place: Place): Judgement {
  const verdict = VERDICTS_OF[meaningOf(publicLeg)];
  if (verdict !== 'healthy') return blame(verdict, 'public', publicLeg, place);
  const own = VERDICTS_OF[meaningOf(local)];
  if (own === 'unverified' || own === 'unknown') return blame(own, 'local', local, place);
  const slow = [local, publicLeg].find(({ latencyMs = 0 }) => latencyMs > DEGRADED_MS);
  if (slow !== undefined) {
    const leg = slow === local ? 'Local' : 'Public';
    return {
      verdict: 'degraded',
      cause: `${leg} leg: the answer takes ${((slow.latencyMs ?? 0) / 1_000).toFixed(1)} s.`,
      remedy: slow === local ? 'See what keeps the server busy.' : 'See what slows the way to the provider.',
    };
  }
  const remark = local.finding === 'ok' ? '' : ` (${local.detail})`;
  return { verdict: 'healthy', cause: `Both legs answer${remark}.`, remedy: '' };
}

const EXPOSED: Judgement = {
  verdict: 'exposed',
  cause: 'Public leg: a request without a token was not refused.',
  remedy: 'The session was closed. Look for another service on the same address, then `tunneld restart`.',
};

/** Undefined when the way to us may well work all the same. */
function carrierFails(
  { strikes, previous, place, carrier }: Evidence,
  publicLeg: ProbeResult,
): Judgement | undefined {
  if (carrier.kind === 'works') return undefined;
  // The next session would have the same.
  if (meaningOf(publicLeg) === 'certificate') return blame('config', 'public', publicLeg, place);
  if (strikes < STRIKES_TO_REPLACE) {
    const working = previous === 'healthy' || previous === 'degraded';
    return {
      verdict: working ? 'degraded' : 'unknown',
      cause: `Public leg: ${publicLeg.detail}. Looking once more before anything is done.`,
      remedy: '',
    };
  }
  if (carrier.kind === 'unknown') return undefined;
  const evidence = carrier.detail === '' ? '' : ` (${carrier.detail})`;
  return {
    verdict: 'tunnel-down',
    cause: `Public leg: ${publicLeg.detail}${evidence}.`,
    remedy: carrier.next,
  };
}

function unverified(publicLeg: ProbeResult, carrier: CarrierView, place: Place): Judgement {
  const others =
    carrier.kind === 'works'
      ? `all the same ${carrier.proof}`
      : carrier.kind === 'unknown'
        ? carrier.detail
        : '';
  return {
    verdict: 'unverified',
    cause: `Public leg: ${publicLeg.detail}; ${others}.`,
    remedy:
      meaningOf(publicLeg) === 'certificate'
        ? FINDINGS[publicLeg.finding].remedy(place)
        : 'Nothing to do if clients elsewhere get through. For this machine to see it too, look at its DNS, its firewall and whether its router lets it reach its own public address.',
  };
}

function networkDown(local: ProbeResult, publicLeg: ProbeResult, place: Place): Judgement {
  const server = meaningOf(local) === 'server' ? ` Local leg: ${local.detail}.` : '';
  if (meaningOf(publicLeg) === 'network') {
    const { cause, ...rest } = blame('network-down', 'public', publicLeg, place);
    return { ...rest, cause: cause + server };
  }
  return {
    verdict: 'network-down',
    cause: `Public leg: ${publicLeg.detail}, and nothing else can be reached either.${server}`,
    remedy: 'Check the network connection of this machine; tunneld waits and goes on by itself.',
  };
}

function blame(verdict: Verdict, leg: 'local' | 'public', result: ProbeResult, place: Place): Judgement {
  const name = leg === 'local' ? 'Local' : 'Public';
  return {
    verdict,
    cause: `${name} leg: ${result.detail}.`,
    remedy: result.remedy ?? FINDINGS[result.finding].remedy(place),
  };
}
