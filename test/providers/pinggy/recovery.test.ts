import type { Container } from 'dockerode';
import { expect, it } from 'vitest';
import { TunneldError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import type { TunnelSession } from '../../../src/providers/provider.ts';
import { describeWithEngine } from '../../helpers/docker-engine.ts';
import { makeToken } from '../../helpers/pinggy-edge.ts';
import { PinggyHarness } from '../../helpers/pinggy-harness.ts';
import { waitFor } from '../../helpers/wait-for.ts';

describeWithEngine('a Pinggy session that is disturbed', (engine) => {
  const container = async () => {
    const [info] = await engine().containers();
    return engine().docker.getContainer(info?.Id ?? '');
  };
  /** Each disturbance, and within how many milliseconds a new session must carry visitors. */
  const disturbances: [string, number, (harness: PinggyHarness) => Promise<void>][] = [
    ['docker kill', 3_000, async () => void (await (await container()).kill())],
    ['docker stop', 3_000, async () => void (await (await container()).stop({ t: 1 }))],
    ['docker pause', 3_000, async () => void (await (await container()).pause())],
    ['docker rm -f', 3_000, async () => void (await (await container()).remove({ force: true }))],
    ['docker restart', 4_000, async () => await restarted(await container())],
    ['the edge dropping the connection', 3_000, async (harness) => harness.edge.drop()],
    ['the session expiring', 3_000, async (harness) => harness.edge.expire()],
    ['the endpoint going while SSH stays', 4_000, (harness) => harness.edge.retire()],
    // Liveness: every 0.3 s with a deadline of 0.7 s here, two misses.
    ['the edge going silent', 6_000, async (harness) => harness.edge.goSilent()],
    [
      'the engine stopping and starting',
      10_000,
      async () => {
        await engine().stop();
        await engine().start();
      },
    ],
  ];

  it.each(disturbances)(
    'is replaced by one healthy session after %s, within %i ms',
    async (name, limit, disturb) => {
      await using harness = await PinggyHarness.start(engine(), {
        token: new Secret(makeToken()),
        // Where the engine tells what happened, nothing else may be needed to notice it.
        livenessIntervalMs: /silent|endpoint/.test(name) ? 300 : 600_000,
      });
      await using keeper = new Keeper(harness);
      const first = await keeper.session();
      const began = performance.now();
      await disturb(harness);
      const second = await waitFor(() => (keeper.current === first ? undefined : keeper.current), {
        timeoutMs: limit,
      });
      expect((await harness.visit(second.publicUrl)).status).toBe(200);
      const took = Math.round(performance.now() - began);
      process.stdout.write(`    ${name}: ${took} ms\n`);
      expect(took).toBeLessThan(limit);
      // The token's address stays.
      expect(second.publicUrl.href).toBe(first.publicUrl.href);
      expect(await first.closed).toMatchObject({ reason: 'ended', error: { code: 'SESSION_LOST' } });
      expect(await engine().containers()).toHaveLength(1);
      await second.close();
      await keeper.stop();
      expect(await engine().containers()).toEqual([]);
      expect(keeper.most).toBe(1);
    },
  );

  const leaveContainersRunning = async () => {
    await engine().stop();
    await engine().start('--live-restore');
  };

  it('goes on while the engine is away, when its containers do', async () => {
    await leaveContainersRunning();
    await using harness = await PinggyHarness.start(engine());
    const session = await harness.open();
    await engine().stop();
    expect((await harness.visit(session.publicUrl)).status).toBe(200);
    await engine().start('--live-restore');
    await waitFor(() => harness.logged.includes('container engine is back'));
    expect((await harness.visit(session.publicUrl)).status).toBe(200);
    // It is watched again as before.
    await (await container()).kill();
    expect(await session.closed).toMatchObject({ reason: 'ended', error: { code: 'SESSION_LOST' } });
    expect(harness.edge.logins).toHaveLength(1);
  });

  it('removes the container later when the engine is away at the time of closing', async () => {
    await leaveContainersRunning();
    await using harness = await PinggyHarness.start(engine());
    const session = await harness.open();
    await engine().stop();
    await session.close();
    expect(harness.logged).toContain('could not be removed yet');
    await engine().start('--live-restore');
    expect(await engine().containers()).toHaveLength(1);
    await waitFor(async () => (await engine().containers()).length === 0, { timeoutMs: 6_000 });
  });
});

/** What the supervisor does, without its patience: opens again whenever a session was lost. */
class Keeper implements AsyncDisposable {
  readonly #harness: PinggyHarness;
  readonly #stop = new AbortController();
  readonly #run: Promise<void>;
  current: TunnelSession | undefined;
  /** Most sessions at the edge at once. */
  most = 0;

  constructor(harness: PinggyHarness) {
    this.#harness = harness;
    this.#run = this.#loop();
  }

  async session(): Promise<TunnelSession> {
    return await waitFor(() => this.current, { timeoutMs: 10_000 });
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('stopped'));
    await this.#run;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.current?.close();
  }

  async #loop(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        this.current = await this.#harness.open(this.#harness.provider, signal);
        this.most = Math.max(this.most, this.#harness.edge.live);
        const end = await this.current.closed;
        if (end.reason !== 'ended') return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof TunneldError) || !error.retryable) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

/** It stops first, and we may have removed it before the engine starts it again. */
async function restarted(container: Container): Promise<void> {
  await container.restart({ t: 0 }).catch((error: unknown) => {
    if (!/marked for removal|No such container/i.test(String(error))) throw error;
  });
}
