import { expect, it } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import { Engine } from '../../../src/providers/pinggy/engine.ts';
import { removeOrphans } from '../../../src/providers/pinggy/leftovers.ts';
import { describeWithEngine, SSH_IMAGE } from '../../helpers/docker-engine.ts';
import { makeToken } from '../../helpers/pinggy-edge.ts';
import { PinggyHarness } from '../../helpers/pinggy-harness.ts';

/** A killed process closes nothing: what it had open simply stays. */
describeWithEngine('what a killed daemon left behind', (engine) => {
  it('is adopted when it still serves, and visitors notice nothing', async () => {
    await using harness = await PinggyHarness.start(engine(), { token: new Secret(makeToken()) });
    const before = await harness.open();
    const options = { token: new Secret(harness.edge.logins[0]?.user ?? '') };
    const visits = [harness.visit(before.publicUrl)];
    const timer = setInterval(() => visits.push(harness.visit(before.publicUrl)), 20);
    const began = performance.now();
    const after = await harness.open(harness.anotherProvider(options));
    process.stdout.write(`    adopted in ${Math.round(performance.now() - began)} ms\n`);
    clearInterval(timer);

    expect(after.publicUrl.href).toBe(before.publicUrl.href);
    expect(harness.edge.logins).toHaveLength(1);
    expect((await Promise.all(visits)).every(({ status }) => status === 200)).toBe(true);
    await after.close();
    expect(await engine().containers()).toEqual([]);
  });

  it('tells the URL of what it adopts before it counts as open', async () => {
    const announced: string[] = [];
    const announce = ({ href }: URL) => void announced.push(href);
    await using harness = await PinggyHarness.start(engine(), {}, { announce });
    const before = await harness.open();
    expect(announced.splice(0)).toEqual([before.publicUrl.href]);
    await harness.open(harness.anotherProvider({}));
    expect(announced).toEqual([before.publicUrl.href]);
    expect(harness.edge.logins).toHaveLength(1);
  });

  it('keeps the end of a free session it adopts', async () => {
    await using harness = await PinggyHarness.start(engine());
    const before = await harness.open();
    const after = await harness.open(harness.anotherProvider({}));
    expect(after.expiresAt).toBe(before.expiresAt);
    expect(harness.edge.logins).toHaveLength(1);
  });

  it('is watched like a session of its own once adopted', async () => {
    await using harness = await PinggyHarness.start(engine());
    await harness.open();
    const after = await harness.open(harness.anotherProvider({}));
    const [info] = await engine().containers();
    await engine()
      .docker.getContainer(info?.Id ?? '')
      .kill();
    expect(await after.closed).toMatchObject({ reason: 'ended', error: { code: 'SESSION_LOST' } });
  });

  it('is replaced when anything it was made from has changed', async () => {
    await using harness = await PinggyHarness.start(engine(), { keys: [new Secret('key-before')] });
    await harness.open();
    const [before] = await engine().containers();
    await harness.open(harness.anotherProvider({ keys: [new Secret('key-after')] }));
    const after = await engine().containers();
    expect(after).toHaveLength(1);
    expect(after[0]?.Id).not.toBe(before?.Id);
    expect(harness.edge.logins.map(({ options }) => options.split(' ')[0])).toEqual([
      'k:key-before',
      'k:key-after',
    ]);
  });

  it.each(['paused', 'stopped', 'silent'])('is replaced when it is %s', async (state) => {
    await using harness = await PinggyHarness.start(engine(), { livenessIntervalMs: 600_000 });
    const before = await harness.open();
    const [info] = await engine().containers();
    const container = engine().docker.getContainer(info?.Id ?? '');
    // The provider that opened it must not see what happens: a dead process would not.
    const blind = harness.anotherProvider({ livenessIntervalMs: 600_000 });
    if (state === 'silent') harness.edge.goSilent();
    const disturb = {
      paused: () => container.pause(),
      stopped: () => container.stop({ t: 0 }),
      silent: () => undefined,
    };
    await disturb[state as keyof typeof disturb]();
    const began = performance.now();
    const after = await harness.open(blind);
    process.stdout.write(`    ${state}: replaced in ${Math.round(performance.now() - began)} ms\n`);
    expect((await harness.visit(after.publicUrl)).status).toBe(200);
    expect(await engine().containers()).toHaveLength(1);
    expect(harness.edge.logins).toHaveLength(2);
    await before.close();
  });

  it('is found and replaced when the daemon has lost its own id with all of its state', async () => {
    await using harness = await PinggyHarness.start(engine());
    await harness.open();
    const [before] = await engine().containers();
    const owner = { instance: 'made-anew', place: 'test-place', key: new Secret('made-anew') };
    const options = { signal: new AbortController().signal, log: harness.log };
    await harness.anotherProvider({}).open({ ...harness.request, owner }, options);
    const after = await engine().containers();
    expect(after).toHaveLength(1);
    expect(after[0]?.Id).not.toBe(before?.Id);
  });

  it('is left alone when it is of another state folder', async () => {
    await using harness = await PinggyHarness.start(engine());
    await harness.open();
    const owner = { instance: 'other-daemon', place: 'other-place', key: new Secret('owner-key') };
    const options = { signal: new AbortController().signal, log: harness.log };
    await harness.anotherProvider({}).open({ ...harness.request, owner }, options);
    expect(await engine().containers()).toHaveLength(2);
  });

  it('is removed when its tunnel is not wanted any more, and only then', async () => {
    await using harness = await PinggyHarness.start(engine());
    await harness.open();
    const foreign = await engine().docker.createContainer({
      Image: SSH_IMAGE,
      Labels: { 'io.tunneld.instance': 'other-daemon', 'io.tunneld.tunnel': 'figma' },
    });
    const search = { env: engine().env, home: engine().folder, platform: process.platform };
    const own = await Engine.connect(search);
    const marks = { instance: 'test-daemon', place: 'test-place' };
    await removeOrphans(own, marks, (name) => name === 'figma', harness.log);
    expect(await engine().containers()).toHaveLength(2);
    await removeOrphans(own, marks, (name) => name === 'other', harness.log);
    expect((await engine().containers()).map(({ Id }) => Id)).toEqual([foreign.id]);
    await foreign.remove();
  });
});
