import { expect, it } from 'vitest';
import { CLOSE_DEADLINE_MS, OPEN_DEADLINE_MS, openSession } from '../../src/daemon/open-session.ts';
import type { TunnelProvider } from '../../src/providers/provider.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { quiet } from '../helpers/quiet.ts';
import { ScriptedProvider } from './scripted-provider.ts';

const request = { way: 'port', name: 'figma', gatewayUrl: new URL('http://127.0.0.1:1/') } as const;

it('closes a session that a provider delivers after it was left behind', async () => {
  const clock = new FakeClock();
  const delivering = new ScriptedProvider(clock);
  const deaf: TunnelProvider = {
    kind: 'deaf',
    open: (wanted, context) =>
      new Promise((resolve) => {
        const ignoringTheAbort = { ...context, signal: new AbortController().signal };
        clock.setTimer(() => resolve(delivering.open(wanted, ignoringTheAbort)), 100_000);
      }),
  };
  const outcome = openSession(deaf, request, { clock, log: quiet, signal: new AbortController().signal });
  await clock.advance(OPEN_DEADLINE_MS + CLOSE_DEADLINE_MS);
  expect(await outcome).toMatchObject({ kind: 'failed', error: { code: 'TUNNEL_OPEN_TIMEOUT' } });
  expect(delivering.opens).toBe(0);

  await clock.advance(100_000);
  expect(delivering.opens).toBe(1);
  expect(delivering.live).toBe(0);
  expect(clock.pending).toBe(0);
});

it('treats a provider that throws before it returns a promise like one that rejects', async () => {
  const clock = new FakeClock();
  const provider: TunnelProvider = {
    kind: 'throws',
    open() {
      throw new RangeError('no such thing');
    },
  };
  const outcome = await openSession(provider, request, {
    clock,
    log: quiet,
    signal: new AbortController().signal,
  });
  expect(outcome).toMatchObject({ kind: 'failed', error: { message: 'no such thing' } });
  expect(clock.pending).toBe(0);
});

it('waits for a provider as long as it makes progress', async () => {
  const clock = new FakeClock();
  let steps = 0;
  const pulling: TunnelProvider = {
    kind: 'pulling',
    open: (_request, context) =>
      new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => reject(context.signal.reason));
        const step = () => {
          steps += 1;
          context.progress?.(`step ${steps}`);
          if (steps < 5) clock.setTimer(step, OPEN_DEADLINE_MS - 1_000);
        };
        step();
      }),
  };
  const seen: string[] = [];
  const outcome = openSession(pulling, request, {
    clock,
    log: quiet,
    signal: new AbortController().signal,
    onProgress: (step) => void seen.push(step),
  });
  await clock.advance(4 * OPEN_DEADLINE_MS);
  expect(seen).toEqual(['step 1', 'step 2', 'step 3', 'step 4', 'step 5']);
  await clock.advance(OPEN_DEADLINE_MS);
  expect(await outcome).toMatchObject({ kind: 'failed', error: { code: 'TUNNEL_OPEN_TIMEOUT' } });
  expect(clock.pending).toBe(0);
});
