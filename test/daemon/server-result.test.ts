import { expect, it } from 'vitest';
import { resultOf } from '../../src/daemon/server-result.ts';
import { meaningOf } from '../../src/health/probe-result.ts';
import type { ServerState } from '../../src/servers/server.ts';

const NOW = 1_000_000;
const failed = (code: string, inARow = 1): ServerState => ({
  kind: 'failed',
  code,
  message: 'The program exited with code 3',
  remedy: 'Do this.',
  inARow,
});

it.each<[ServerState, string, string]>([
  [{ kind: 'ready', shown: { server: 'small 1', tools: 5 } }, 'ok', 'alive'],
  [{ kind: 'asleep', before: { tools: 5 } }, 'ok', 'alive'],
  // What never ran is not called well.
  [{ kind: 'asleep', before: undefined }, 'unproven', 'unproven'],
  [{ kind: 'starting', since: NOW - 5_000 }, 'starting', 'starting'],
  [{ kind: 'starting', since: NOW - 30_000 }, 'not-ready', 'server'],
  [failed('SERVER_EXITED'), 'exited', 'server'],
  [failed('SERVER_EXITED', 4), 'crash-loop', 'server'],
  [failed('SERVER_SILENT'), 'not-ready', 'server'],
  [failed('SERVER_NOT_STARTED'), 'not-started', 'config'],
  // What this machine lacks, and what befell our own process, is no fault of the server.
  [failed('SERVER_NO_ROOM'), 'no-memory', 'machine'],
  [failed('SERVER_HOST_LOST'), 'starting', 'starting'],
])('a server whose state is %j is %s', (state, finding, meaning) => {
  const result = resultOf(state, NOW);
  expect(result).toMatchObject({ finding, basis: 'process' });
  expect(meaningOf(result)).toBe(meaning);
});

it('says how many tools there are, and what the server calls itself', () => {
  const shown = { server: 'small 1', tools: 5, era: 'legacy' } as const;
  expect(resultOf({ kind: 'asleep', before: shown }, NOW)).toMatchObject({
    detail: 'the program sleeps, and is started by the first call (5 tools)',
    server: 'small 1',
    era: 'legacy',
  });
});
