import type { Command, ParsedArgs } from './command.ts';
import { usage } from './parse.ts';
import { parseDuration } from './render/duration.ts';

const DEFAULT_WAIT = '30s';

/** How long `up` and `restart` wait for a tunnel to serve. */
export const WAIT_OPTIONS: Command['options'] = {
  wait: {
    type: 'string',
    value: 'duration',
    bareValue: DEFAULT_WAIT,
    summary: `How long to wait until it is healthy; default ${DEFAULT_WAIT}`,
  },
  'no-wait': { type: 'boolean', summary: 'Return at once' },
};

/**
 * @returns milliseconds, or undefined for `--no-wait`
 * @throws {TunneldError} `USAGE`
 */
export function waitOf(args: ParsedArgs): number | undefined {
  if (args.flag('no-wait') && args.given('wait')) {
    throw usage({ name: 'up' }, '--wait and --no-wait contradict each other');
  }
  if (args.flag('no-wait')) return undefined;
  return parseDuration('--wait', args.text('wait') ?? DEFAULT_WAIT);
}
