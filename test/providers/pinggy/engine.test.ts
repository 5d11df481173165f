import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import { Engine, type EngineFacts } from '../../../src/providers/pinggy/engine.ts';
import { PINGGY_DEFAULTS } from '../../../src/providers/pinggy/options.ts';
import { planFor } from '../../../src/providers/pinggy/plan.ts';
import { PinggyProvider } from '../../../src/providers/pinggy/provider.ts';
import { makeCertificate } from '../../helpers/certificate.ts';
import { quiet } from '../../helpers/quiet.ts';
import { tempFolder } from '../../helpers/temp-folder.ts';

interface Answers {
  readonly version?: object;
  readonly info?: object;
}

/** An engine that can only say who it is. */
function talk({ version, info }: Answers, paths: string[] = []): http.RequestListener {
  return (request, response) => {
    const path = request.url ?? '';
    paths.push(path);
    const body = path.endsWith('/version') ? { ApiVersion: '1.41', Components: [], ...version } : { ...info };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
}

async function listening(server: Server, where: string | number): Promise<Server> {
  server.listen(where);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return server;
}

async function factsOf(
  answers: Answers,
  platform: NodeJS.Platform = 'linux',
  paths: string[] = [],
): Promise<EngineFacts> {
  const path = join(tempFolder(), 'engine.sock');
  await listening(http.createServer(talk(answers, paths)), path);
  const env = { DOCKER_HOST: `unix://${path}` };
  return (await Engine.connect({ env, home: tempFolder(), platform })).facts;
}

describe('an engine', () => {
  it.each([
    ['1.41', 'v1.41'],
    ['1.99', 'v1.51'],
  ])('of API %s is spoken to in %s', async (ApiVersion, expected) => {
    const paths: string[] = [];
    await factsOf({ version: { ApiVersion } }, 'linux', paths);
    expect(paths).toEqual(['/version', `/${expected}/info`]);
  });

  it.each<[string, Answers, NodeJS.Platform, boolean, string]>([
    ['Docker on Linux', {}, 'linux', true, ''],
    [
      'Docker Desktop on Linux',
      { info: { OperatingSystem: 'Docker Desktop' } },
      'linux',
      false,
      'virtual machine',
    ],
    ['Docker on macOS', {}, 'darwin', false, 'virtual machine'],
    ['rootless Docker', { info: { SecurityOptions: ['name=rootless'] } }, 'linux', false, 'rootless'],
    [
      'rootless Podman',
      { version: { Components: [{ Name: 'Podman Engine' }] }, info: { SecurityOptions: ['name=rootless'] } },
      'linux',
      true,
      '',
    ],
  ])('%s is known for what its containers can reach', async (_, answers, platform, sharesLoopback, why) => {
    expect(await factsOf(answers, platform)).toMatchObject({ sharesLoopback, why });
  });

  it('is spoken to over TLS, and only with the right certificate', async () => {
    const { key, cert } = makeCertificate();
    const secure = https.createServer({ key, cert, ca: cert, requestCert: true }, talk({}));
    const server = await listening(secure, 0);
    const folder = tempFolder();
    writeFileSync(join(folder, 'cert.pem'), cert);
    writeFileSync(join(folder, 'key.pem'), key);
    writeFileSync(join(folder, 'ca.pem'), makeCertificate().cert);
    const { port } = server.address() as AddressInfo;
    const env = { DOCKER_HOST: `tcp://127.0.0.1:${port}`, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: folder };
    const connect = () => Engine.connect({ env, home: folder, platform: 'linux' });
    await expect(connect()).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    writeFileSync(join(folder, 'ca.pem'), cert);
    expect((await connect()).facts.apiVersion).toBe('v1.41');
  });

  it('is reached over ssh as the Docker CLI reaches it', async () => {
    const path = join(tempFolder(), 'engine.sock');
    await listening(http.createServer(talk({})), path);
    const folder = tempFolder();
    const program = `#!${process.execPath}
require('node:fs').writeFileSync('${folder}/arguments', process.argv.slice(2).join(' '));
const socket = require('node:net').connect('${path}');
process.stdin.pipe(socket).pipe(process.stdout);
`;
    writeFileSync(join(folder, 'ssh'), program);
    chmodSync(join(folder, 'ssh'), 0o755);
    const env = { PATH: folder, DOCKER_HOST: 'ssh://ann@engine.example:2222' };
    const engine = await Engine.connect({ env, home: folder, platform: 'linux' });
    expect(engine.facts).toMatchObject({ sharesLoopback: false, why: 'remote' });
    const { readFileSync } = await import('node:fs');
    expect(readFileSync(join(folder, 'arguments'), 'utf8')).toBe(
      '-o ConnectTimeout=10 -o BatchMode=yes -T -l ann -p 2222 -- engine.example docker system dial-stdio',
    );
  });

  it('says what ssh said when that fails', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'ssh'), '#!/bin/sh\necho "Permission denied (publickey)." >&2\nexit 255\n');
    chmodSync(join(folder, 'ssh'), 0o755);
    const env = { PATH: `${folder}:/bin`, DOCKER_HOST: 'ssh://engine.example' };
    const connecting = Engine.connect({ env, home: folder, platform: 'linux' });
    await expect(connecting).rejects.toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      message: expect.stringContaining('Permission denied (publickey)'),
    });
  });
});

describe('the plan for a container', () => {
  const request = { way: 'port', name: 'figma', gatewayUrl: new URL('http://127.0.0.1:41000') } as const;
  const facts = (sharesLoopback: boolean, why: string): EngineFacts => ({
    apiVersion: 'v1.41',
    product: 'docker',
    sharesLoopback,
    why,
  });
  const lineOf = (options: object, of: EngineFacts) =>
    planFor({ ...PINGGY_DEFAULTS, ...options }, request, of, 42_000);

  it('uses the host network where that is this machine’s', () => {
    const plan = lineOf({}, facts(true, ''));
    expect(plan.network).toBe('host');
    expect(plan.arguments.map(({ value }) => value)).toContain('-L127.0.0.1:42000:localhost:4300');
  });

  it('publishes the web debugger on loopback where the engine is in a virtual machine', () => {
    const plan = lineOf({}, facts(false, 'virtual machine'));
    expect(plan.network).toBe('bridge');
    expect(plan.arguments.map(({ value }) => value)).toContain('-L0.0.0.0:4300:localhost:4300');
  });

  it.each(['rootless', 'remote'])('refuses a %s engine unless told how to reach the gateway', (why) => {
    expect(() => lineOf({}, facts(false, why))).toThrow(
      expect.objectContaining({ code: 'ENGINE_UNSUITABLE', retryable: false }),
    );
    const told = lineOf({ gatewayHost: '10.0.2.2' }, facts(false, why));
    expect(told.arguments.map(({ value }) => value)).toContain('-R0:10.0.2.2:41000');
  });

  it('has a fingerprint that tells plans apart, not secrets, and not ports of the web debugger', () => {
    const owner = { instance: 'one', place: 'here', key: new Secret('key') };
    const printOf = (options: object, key = owner.key, port = 42_000) =>
      planFor(
        { ...PINGGY_DEFAULTS, ...options },
        { ...request, owner: { ...owner, key } },
        facts(true, ''),
        port,
      ).fingerprint;
    const usual = printOf({});
    expect(printOf({}, owner.key, 43_000)).toBe(usual);
    expect(printOf({ keys: [new Secret('k')] })).not.toBe(usual);
    expect(printOf({ image: 'other' })).not.toBe(usual);
    expect(printOf({}, new Secret('other'))).not.toBe(usual);
  });
});

describe('a provider whose engine was off', () => {
  it('sees that it is back', async () => {
    const path = join(tempFolder(), 'engine.sock');
    const provider = new PinggyProvider(PINGGY_DEFAULTS, {
      env: { DOCKER_HOST: `unix://${path}` },
      home: tempFolder(),
      platform: 'linux',
    });
    expect(await provider.mended()).toBe(false);
    const request = { way: 'port', name: 'figma', gatewayUrl: new URL('http://127.0.0.1:9') } as const;
    const opening = provider.open(request, { signal: new AbortController().signal, log: quiet });
    await expect(opening).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    expect(await provider.mended()).toBe(false);
    await listening(http.createServer(talk({})), path);
    expect(await provider.mended()).toBe(true);
  });
});
