import type { ProbeResult } from '../health/probe-result.ts';
import type { ServerState, Shown } from '../servers/server.ts';

/** A program that is this young may still be on its way: `npx` looks at the registry first (milliseconds). */
const PATIENCE_MS = 20_000;
/** After so many failed starts in a row it will not help to wait. */
const CRASH_LOOP = 4;

/**
 * What a server that we started ourselves looks like, without asking it: a look must not start it.
 *
 * @param now Unix milliseconds
 */
export function resultOf(state: ServerState, now: number): ProbeResult {
  const seen = (
    finding: ProbeResult['finding'],
    detail: string,
    more: Partial<ProbeResult> = {},
  ): ProbeResult => ({
    finding,
    detail,
    basis: 'process',
    ...more,
  });
  if (state.kind === 'ready')
    return seen('ok', `the program answers${shownText(state.shown)}`, facts(state.shown));
  if (state.kind === 'asleep') {
    if (state.before === undefined) {
      return seen('unproven', 'the program is started by the first call, and has not run yet', {
        remedy: 'Connect a client once, or set `start: at-once`.',
      });
    }
    const was = shownText(state.before);
    return seen('ok', `the program sleeps, and is started by the first call${was}`, facts(state.before));
  }
  if (state.kind === 'starting') {
    const detail = 'the program runs and has not answered its first question';
    return seen(now - state.since < PATIENCE_MS ? 'starting' : 'not-ready', detail);
  }
  const { code, message, remedy, inARow } = state;
  const detail = message.charAt(0).toLowerCase() + message.slice(1);
  if (code === 'SERVER_NO_ROOM') return seen('no-memory', detail, { remedy });
  if (code === 'SERVER_HOST_LOST') return seen('starting', detail);
  if (code === 'SERVER_NOT_STARTED') return seen('not-started', detail, { remedy });
  if (code === 'SERVER_SILENT') return seen('not-ready', detail, { remedy });
  return inARow >= CRASH_LOOP ? seen('crash-loop', detail) : seen('exited', detail, { remedy });
}

function shownText(shown: Shown | undefined): string {
  return shown?.tools === undefined ? '' : ` (${shown.tools} tools)`;
}

function facts(shown: Shown | undefined): Partial<ProbeResult> {
  return {
    ...(shown?.era === undefined ? {} : { era: shown.era }),
    ...(shown?.server === undefined ? {} : { server: shown.server }),
  };
}
