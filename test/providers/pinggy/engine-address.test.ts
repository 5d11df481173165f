import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type EngineSearch, findEngine } from '../../../src/providers/pinggy/engine-address.ts';
import { tempFolder } from '../../helpers/temp-folder.ts';

const search = (parts: Partial<EngineSearch> = {}): EngineSearch => ({
  env: {},
  home: tempFolder(),
  platform: 'linux',
  ...parts,
});

function withContext(name: string, endpoint: Record<string, unknown>, tls: readonly string[] = []): string {
  const home = tempFolder();
  const id = createHash('sha256').update(name).digest('hex');
  const meta = join(home, '.docker/contexts/meta', id);
  const keys = join(home, '.docker/contexts/tls', id, 'docker');
  mkdirSync(meta, { recursive: true });
  mkdirSync(keys, { recursive: true });
  writeFileSync(join(meta, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: endpoint } }));
  for (const file of tls) writeFileSync(join(keys, file), 'pem');
  return home;
}

describe('the engine', () => {
  it.each([
    ['unix:///run/d.sock', { kind: 'socket', path: '/run/d.sock' }],
    ['unix://', { kind: 'socket', path: '/var/run/docker.sock' }],
    ['tcp://127.0.0.1:2375', { kind: 'tcp', host: '127.0.0.1', port: 2375, tls: undefined }],
    ['127.0.0.1:1234', { kind: 'tcp', host: '127.0.0.1', port: 1234 }],
    ['tcp://[::1]:2375', { kind: 'tcp', host: '::1', port: 2375 }],
    ['ssh://ann@example.com:2222', { kind: 'ssh', host: 'example.com', user: 'ann', port: 2222 }],
    ['ssh://example.com', { kind: 'ssh', user: undefined, port: undefined }],
  ])('is where DOCKER_HOST=%s says', async (host, expected) => {
    expect(await findEngine(search({ env: { DOCKER_HOST: host } }))).toMatchObject(expected);
  });

  it('is reached with TLS when DOCKER_TLS_VERIFY says so', async () => {
    const env = {
      DOCKER_HOST: 'tcp://engine.example:2376',
      DOCKER_TLS_VERIFY: '1',
      DOCKER_CERT_PATH: '/certs',
    };
    expect(await findEngine(search({ env }))).toMatchObject({
      tls: { ca: '/certs/ca.pem', cert: '/certs/cert.pem', key: '/certs/key.pem', verify: true },
    });
    expect(await findEngine(search({ env: { ...env, DOCKER_TLS_VERIFY: '' } }))).toMatchObject({
      tls: undefined,
    });
  });

  it('is the one of the current context, unless the environment names another', async () => {
    const home = withContext('desk', { Host: 'unix:///desk.sock' });
    writeFileSync(join(home, '.docker/config.json'), JSON.stringify({ currentContext: 'desk' }));
    expect(await findEngine(search({ home }))).toMatchObject({ path: '/desk.sock' });
    const env = { DOCKER_HOST: 'unix:///other.sock' };
    expect(await findEngine(search({ home, env }))).toMatchObject({
      path: '/other.sock',
      source: 'DOCKER_HOST',
    });
    expect(await findEngine(search({ home, env, dockerContext: 'desk' }))).toMatchObject({
      path: '/desk.sock',
    });
    const asked = search({ home, env, dockerHost: 'unix:///asked.sock' });
    expect(await findEngine(asked)).toMatchObject({ path: '/asked.sock' });
  });

  it('brings the TLS files of its context along', async () => {
    const home = withContext('far', { Host: 'tcp://far.example:2376', SkipTLSVerify: true }, ['ca.pem']);
    const address = await findEngine(search({ home, env: { DOCKER_CONTEXT: 'far' } }));
    expect(address).toMatchObject({ tls: { verify: false, cert: undefined } });
    expect(address.kind === 'tcp' && address.tls?.ca).toMatch(/docker\/ca\.pem$/);
  });

  it('is rootless Docker, Desktop or Podman when the usual socket is missing', async () => {
    const runtime = tempFolder();
    mkdirSync(join(runtime, 'podman'));
    writeFileSync(join(runtime, 'podman/podman.sock'), '');
    const env = { XDG_RUNTIME_DIR: runtime };
    const here = search({ env });
    const first = await findEngine(here);
    // The machine of the test may have the usual socket.
    const usual = first.kind === 'socket' && first.path === '/var/run/docker.sock';
    expect(usual || (first.kind === 'socket' && first.path === join(runtime, 'podman/podman.sock'))).toBe(
      true,
    );
  });

  it.each([
    ['a context that does not exist', { env: { DOCKER_CONTEXT: 'nowhere' } }],
    ['an address that is none', { env: { DOCKER_HOST: 'ftp://x' } }],
  ])('is refused for %s', async (_, parts) => {
    await expect(findEngine(search(parts))).rejects.toMatchObject({ code: 'ENGINE_ADDRESS_INVALID' });
  });
});
