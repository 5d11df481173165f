import type { Verdict } from '../core/status.ts';
import { FINDINGS, meaningOf, type Place, type Sighting } from './sighting.ts';

/** Everything a verdict is made of. */
export interface Evidence {
  /** Undefined until the local leg was probed. */
  readonly local: Sighting | undefined;
  /** Undefined until the public leg was probed, and while no session is open. */
  readonly public: Sighting | undefined;
  /** The public leg's failures in a row, this one included. */
  readonly strikes: number;
  /** Whether anything but the tunnel can be reached; only asked when the public leg fails. */
  readonly online: boolean;
  /** A request without token got through during this session. */
  readonly exposed: boolean;
  readonly previous: Verdict;
  readonly place: Place;
}

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
 * What both legs mean together. The order of the questions matters: an exposed tunnel outranks
 * everything, and the server's own failure outranks whatever that makes of the public leg.
 */
export function judge(evidence: Evidence): Judgement {
  const { local, public: far, online, place } = evidence;
  if (evidence.exposed) return EXPOSED;
  if (local === undefined) return { verdict: 'unknown', cause: 'Not probed yet.', remedy: '' };
  const carrierFails = far !== undefined && meaningOf(far) === 'carrier';
  if (carrierFails && !online) return networkDown(local, far);
  if (meaningOf(local) === 'server') return blame('server-down', 'local', local, place);
  if (carrierFails) return tunnelFails(evidence, far);
  if (meaningOf(local) !== 'alive') return blame('config', 'local', local, place);
  if (far === undefined) {
    return { verdict: 'unknown', cause: `Local leg: ${local.detail}. No session is open yet.`, remedy: '' };
  }
  return judgeAnswering(local, far, place);
}

/** The local leg is alive, and something answers at the public URL. */
function judgeAnswering(local: Sighting, far: Sighting, place: Place): Judgement {
  const meaning = meaningOf(far);
  if (meaning === 'server') return blame('server-down', 'public', far, place);
  if (meaning !== 'alive') return blame(VERDICTS[meaning], 'public', far, place);
  const slow = [local, far].find(({ latencyMs = 0 }) => latencyMs > DEGRADED_MS);
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

const VERDICTS = { config: 'config', auth: 'auth', limited: 'limited', carrier: 'tunnel-down' } as const;

const EXPOSED: Judgement = {
  verdict: 'exposed',
  cause: 'Public leg: a request without a token was not refused.',
  remedy: 'The session was closed. Look for another service on the same address, then `tunneld restart`.',
};

function tunnelFails({ strikes, previous, place }: Evidence, far: Sighting): Judgement {
  if (strikes >= STRIKES_TO_REPLACE) return blame('tunnel-down', 'public', far, place);
  const working = previous === 'healthy' || previous === 'degraded';
  return {
    verdict: working ? 'degraded' : 'unknown',
    cause: `Public leg: ${far.detail}. Asking once more before replacing the session.`,
    remedy: '',
  };
}

function networkDown(local: Sighting, far: Sighting): Judgement {
  const server = meaningOf(local) === 'server' ? ` Local leg: ${local.detail}.` : '';
  return {
    verdict: 'network-down',
    cause: `Public leg: ${far.detail}, and nothing else can be reached either.${server}`,
    remedy: 'Check the network connection of this machine; tunneld waits and goes on by itself.',
  };
}

function blame(verdict: Verdict, leg: 'local' | 'public', sighting: Sighting, place: Place): Judgement {
  const name = leg === 'local' ? 'Local' : 'Public';
  return {
    verdict,
    cause: `${name} leg: ${sighting.detail}.`,
    remedy: sighting.remedy ?? FINDINGS[sighting.finding].remedy(place),
  };
}
