import { randomBytes } from 'node:crypto';
import { type Origin, startOrigin } from '../origin.ts';
import { type Measured, type RelayProcess, startLoadProgram, startRelayProcess } from './processes.ts';
import type { LoadScale } from './scale.ts';

/** Everybody of a load run, each in a process of its own. */
export interface World extends AsyncDisposable {
  readonly origin: Origin;
  readonly relay: RelayProcess;
  readonly agents: Measured;
  readonly visitors: Measured;
  readonly attacker: Measured;
  /** See `LoadScale.settleMs`. */
  readonly settleMs: number;
}

export async function startWorld({ tunnels, settleMs }: LoadScale): Promise<World> {
  const started: { stop(): Promise<void> }[] = [];
  const keep = <T extends { stop(): Promise<void> }>(part: T): T => {
    started.push(part);
    return part;
  };
  const dispose = async () => {
    for (const part of started.reverse()) await part.stop();
  };
  try {
    const origin = keep(await startOrigin());
    const relay = keep(await startRelayProcess(tunnels));
    const env = {
      ORIGIN_PORT: String(origin.port),
      RELAY_PORT: String(relay.port),
      BENCH_TOKEN: randomBytes(24).toString('base64url'),
    };
    const agents = keep(await startLoadProgram('load-agents', env));
    const visitors = keep(await startLoadProgram('load-visitors', env));
    const attacker = keep(await startLoadProgram('load-attacker', env));
    return { origin, relay, agents, visitors, attacker, settleMs, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
