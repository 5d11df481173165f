import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine, SSH_IMAGE } from '../../helpers/docker-engine.ts';
import { type ImageRegistry, startRegistry } from '../../helpers/image-registry.ts';
import { PinggyHarness } from '../../helpers/pinggy-harness.ts';

describeWithEngine('an image that is not on the engine', (engine) => {
  let registry: ImageRegistry;
  beforeAll(async () => {
    registry = await startRegistry(engine(), SSH_IMAGE);
    // The engine would recognise the layers and have nothing to pull.
    await engine().docker.getImage(SSH_IMAGE).remove({ force: true });
  });
  afterAll(async () => {
    await registry.stop();
  });

  async function openWith(
    image: string,
    pull: 'missing' | 'always' | 'never' = 'missing',
  ): Promise<string[]> {
    await using harness = await PinggyHarness.start(engine(), { image, pull });
    const steps: string[] = [];
    const signal = new AbortController().signal;
    const progress = (step: string) => void steps.push(step);
    const session = await harness.provider.open(harness.request, { signal, log: harness.log, progress });
    expect((await harness.visit(session.publicUrl)).status).toBe(200);
    await session.close();
    return steps;
  }

  it('is pulled, saying how far that is, and only once', async () => {
    const steps = await openWith(registry.image);
    expect(steps[0]).toBe(`pulling ${registry.image}`);
    const shares = steps.flatMap((step) => /: (\d+) %$/.exec(step)?.[1] ?? []).map(Number);
    expect(shares.length).toBeGreaterThan(2);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(await openWith(registry.image)).toEqual([]);
  });

  it('may be named by its digest', async () => {
    expect(await openWith(registry.pinned)).toEqual([]);
    await engine().docker.getImage(registry.image).remove({ force: true });
    expect(await openWith(registry.pinned)).not.toEqual([]);
  });

  it('is known not to exist when the registry says so', async () => {
    const opening = openWith(registry.image.replace(/:1$/, ':2'));
    await expect(opening).rejects.toMatchObject({ code: 'IMAGE_UNKNOWN', retryable: false });
  });

  it('can be used without the registry once it is here, even when it should be pulled always', async () => {
    await registry.stop();
    expect(await openWith(registry.pinned, 'always')).not.toEqual([]);
    expect(await openWith(registry.pinned, 'never')).toEqual([]);
  });

  it('stops being pulled when nobody wants it any more', async () => {
    await using _second = await startRegistry(engine(), registry.pinned);
    await using harness = await PinggyHarness.start(engine(), { image: _second.image });
    const abort = new AbortController();
    const progress = () => abort.abort(new Error('no longer wanted'));
    const opening = harness.provider.open(harness.request, {
      signal: abort.signal,
      log: harness.log,
      progress,
    });
    await expect(opening).rejects.toThrow('no longer wanted');
    expect(await engine().containers()).toEqual([]);
  });
});
