import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Tunneld } from '../test/helpers/tunneld.ts';
import { median } from './rounds.ts';
import type { Scale } from './scale.ts';

export interface StartUp {
  /** Wall time of `node -e 0` (milliseconds). */
  readonly nodeMs: number;
  /** Wall time of `tunneld status` with a daemon running (milliseconds). */
  readonly statusMs: number;
}

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/** How long `tunneld status` takes next to a Node that does nothing. */
export async function measureStartUp(scale: Scale): Promise<StartUp> {
  await using home = await Tunneld.create();
  await home.ok('daemon', 'start');
  const time = (args: readonly string[]) => {
    const started = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args, { env: home.env });
    if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr.toString()}`);
    return performance.now() - started;
  };
  const node: number[] = [];
  const status: number[] = [];
  for (let round = 0; round < scale.startUps; round += 1) {
    node.push(time(['-e', '0']));
    status.push(time([MAIN, 'status']));
  }
  return { nodeMs: median(node), statusMs: median(status) };
}
