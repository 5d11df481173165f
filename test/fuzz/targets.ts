import { addresses } from './addresses.ts';
import { daemonConfigs, relayConfigs } from './configs.ts';
import { controlApi } from './control-api.ts';
import { comments, endpoints } from './event-streams.ts';
import { hellos, tunnelMessages } from './json-messages.ts';
import { linkFrames } from './link-frames.ts';
import { proxyHeaders } from './proxy-header.ts';
import { seededRandom } from './random.ts';
import type { Target } from './target.ts';
import { binaryFrames, textFrames } from './websocket-frames.ts';

/** Everything but HTTP/1.1 itself, which is compared with another parser. */
export const TARGETS: readonly Target[] = [
  linkFrames,
  binaryFrames,
  textFrames,
  hellos,
  tunnelMessages,
  addresses,
  endpoints,
  comments,
  proxyHeaders,
  controlApi,
  daemonConfigs,
  relayConfigs,
];

export interface Finding {
  readonly case: number;
  readonly error: Error;
}

/** @returns how many cases ran, and the first that showed something */
export async function fuzz(
  target: Target,
  cases: number,
  seed: number,
): Promise<{ ran: number; found?: Finding }> {
  const random = seededRandom(seed);
  const most = Math.max(1, Math.round((cases * target.perThousand) / 1_000));
  try {
    for (let ran = 0; ran < most; ran++) {
      try {
        await target.run(random);
      } catch (error) {
        return { ran, found: { case: ran, error: error as Error } };
      }
    }
    return { ran: most };
  } finally {
    await target.close?.();
  }
}
