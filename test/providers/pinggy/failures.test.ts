import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { TunneldError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import type { PinggyOptions } from '../../../src/providers/pinggy/options.ts';
import { PinggyProvider } from '../../../src/providers/pinggy/provider.ts';
import { describeWithEngine } from '../../helpers/docker-engine.ts';
import { PinggyHarness } from '../../helpers/pinggy-harness.ts';
import { tempFolder } from '../../helpers/temp-folder.ts';

const MARKER = 'hunter2marker';

describeWithEngine('a Pinggy tunnel that cannot open', (engine) => {
  /** Opens, and gives the named error it must fail with, in time and without a leftover. */
  async function failure(harness: PinggyHarness, provider = harness.provider): Promise<TunneldError> {
    const began = performance.now();
    const error: unknown = await harness.open(provider).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const took = Math.round(performance.now() - began);
    if (!(error instanceof TunneldError)) throw new Error('no named error', { cause: error });
    process.stdout.write(`    ${error.code}: ${took} ms\n`);
    expect(took).toBeLessThan(3_000);
    expect(error.remedy).not.toBe('');
    expect(`${error.message} ${error.remedy} ${harness.logged}`).not.toContain(MARKER);
    expect(await engine().containers()).toEqual([]);
    return error;
  }

  const at = async (mode: PinggyHarness['edge']['mode'], options: Partial<PinggyOptions> = {}) => {
    const harness = await PinggyHarness.start(engine(), { token: new Secret(`${MARKER}token`), ...options });
    harness.edge.mode = mode;
    return harness;
  };

  it('says that no engine is there', async () => {
    await using harness = await PinggyHarness.start(engine());
    const nowhere = { env: { DOCKER_HOST: `unix://${tempFolder()}/none.sock` }, home: tempFolder() };
    const error = await failure(harness, new PinggyProvider(harness.options({}), nowhere));
    expect(error).toMatchObject({ code: 'ENGINE_UNREACHABLE', retryable: true });
  });

  it('says that the engine does not answer', async () => {
    await using harness = await PinggyHarness.start(engine());
    const path = join(tempFolder(), 'mute.sock');
    const mute = createServer(() => {}).listen(path);
    await once(mute, 'listening');
    const there = { env: { DOCKER_HOST: `unix://${path}` }, home: tempFolder() };
    const error = await failure(harness, new PinggyProvider(harness.options({}), there));
    expect(error.code).toBe('ENGINE_UNREACHABLE');
    mute.close();
  });

  it('says that the user may not use the engine', async () => {
    await using harness = await PinggyHarness.start(engine());
    // The socket is root's, mode 0660; the test is root, so it becomes somebody else meanwhile.
    process.seteuid?.(65_534);
    const error = await harness.open().catch((thrown: unknown) => thrown);
    process.seteuid?.(0);
    expect(error).toMatchObject({ code: 'ENGINE_PERMISSION', retryable: false });
  });

  it('says that the image is nowhere', async () => {
    await using harness = await PinggyHarness.start(engine(), { image: 'registry.invalid/pinggy:1' });
    expect(await failure(harness)).toMatchObject({ code: 'IMAGE_UNAVAILABLE', retryable: true });
  });

  it('says that it may not pull', async () => {
    await using harness = await PinggyHarness.start(engine(), { image: 'pinggy/absent:1', pull: 'never' });
    expect((await failure(harness)).code).toBe('IMAGE_UNKNOWN');
  });

  it('says that the port of the web debugger is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const debuggerPort = (other.address() as AddressInfo).port;
    await using harness = await PinggyHarness.start(engine(), { debuggerPort });
    expect((await failure(harness)).code).toBe('PORT_IN_USE');
    other.close();
  });

  it('says that the token is refused, without saying the token', async () => {
    await using harness = await at('deny');
    expect(await failure(harness)).toMatchObject({ code: 'CREDENTIAL_REJECTED', retryable: false });
    expect(harness.logged).toContain('[redacted]+force@127.0.0.1: Permission denied');
  });

  it('says that the token is in use elsewhere, without saying the token', async () => {
    await using harness = await at('serve', { force: false });
    const elsewhere = await PinggyHarness.start(engine());
    const first = await harness.open();
    const another = harness.anotherProvider({ token: new Secret(`${MARKER}token`), force: false });
    const request = { ...harness.request, name: 'second' };
    const signal = new AbortController().signal;
    const error: unknown = await another
      .open(request, { signal, log: harness.log })
      .catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'PINGGY_TOKEN_ACTIVE', retryable: true });
    expect(`${String(error)} ${harness.logged}`).not.toContain(MARKER);
    await first.close();
    await elsewhere[Symbol.asyncDispose]();
  });

  it('ends the other tunnel of the token when it may', async () => {
    await using harness = await at('serve');
    const first = await harness.open();
    const another = harness.anotherProvider({ token: new Secret(`${MARKER}token`) });
    const request = { ...harness.request, name: 'second' };
    const second = await another.open(request, { signal: new AbortController().signal, log: harness.log });
    expect(await first.closed).toMatchObject({ reason: 'ended', error: { code: 'SESSION_LOST' } });
    expect(harness.edge.live).toBe(1);
    await second.close();
  });

  it('says that the edge does not forward', async () => {
    await using harness = await at('refuse-forward');
    expect(await failure(harness)).toMatchObject({ code: 'PINGGY_FORWARD_REFUSED', retryable: true });
  });

  it('says that the edge cannot be reached', async () => {
    await using harness = await PinggyHarness.start(engine(), { serverPort: 9 });
    expect(await failure(harness)).toMatchObject({ code: 'PINGGY_UNREACHABLE', retryable: true });
  });

  it('says that the edge has another host key than it should', async () => {
    const knownHosts = join(tempFolder(), 'known_hosts');
    writeFileSync(knownHosts, '# nobody is known\n');
    await using harness = await PinggyHarness.start(engine(), { knownHosts });
    expect(await failure(harness)).toMatchObject({ code: 'PINGGY_HOST_KEY', retryable: false });
  });

  it('says that no URL came', async () => {
    await using harness = await at('no-url', { openTimeoutMs: 1_200 });
    expect(await failure(harness)).toMatchObject({ code: 'TUNNEL_OPEN_TIMEOUT', retryable: true });
  });

  it('says which option is wrong before it looks for an engine', async () => {
    await using harness = await PinggyHarness.start(engine(), {
      setHeaders: { 'X-A': new Secret(`a" k:${MARKER}`) },
    });
    expect(await failure(harness)).toMatchObject({ code: 'PINGGY_OPTION_INVALID', retryable: false });
  });
});
