import http from 'node:http';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import { describeWithEngine, SSH_IMAGE, type TestEngine } from '../../helpers/docker-engine.ts';
import { makeToken } from '../../helpers/pinggy-edge.ts';
import { PinggyHarness } from '../../helpers/pinggy-harness.ts';
import { waitFor } from '../../helpers/wait-for.ts';

const MARKER = 'hunter2marker';

describeWithEngine('a Pinggy session on a real engine', (engine) => {
  it('carries a visitor from the URL to the gateway, and leaves nothing when closed', async () => {
    await using harness = await PinggyHarness.start(engine(), { token: new Secret(makeToken()) });
    const session = await harness.open();
    const { status, body } = await harness.visit(session.publicUrl, {}, '/mcp?x=1');
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({
      url: '/mcp?x=1',
      headers: { host: `localhost:${harness.request.gatewayUrl.port}`, 'x-forwarded-for': '127.0.0.1' },
    });
    expect(session.expiresAt).toBeUndefined();

    await Promise.all([session.close(), session.close()]);
    expect(await session.closed).toEqual({ reason: 'closed-by-us' });
    expect(await engine().containers()).toEqual([]);
  });

  it('lets the edge ask for every access token and further key, and refuse the rest', async () => {
    const tokens = [new Secret('access-one'), new Secret('access-two')];
    await using harness = await PinggyHarness.start(
      engine(),
      { token: new Secret(makeToken()), keys: [new Secret('friend-key')] },
      { accessTokens: () => tokens },
    );
    const { publicUrl } = await harness.open();
    const statusOf = async (key: string) =>
      (await harness.visit(publicUrl, { authorization: `Bearer ${key}` })).status;
    expect(await statusOf('access-one')).toBe(200);
    expect(await statusOf('access-two')).toBe(200);
    expect(await statusOf('friend-key')).toBe(200);
    expect(await statusOf('stranger')).toBe(401);
    expect((await harness.visit(publicUrl)).status).toBe(401);
  });

  it('has the edge do what the options say', async () => {
    await using harness = await PinggyHarness.start(engine(), {
      token: new Secret(`${makeToken()}+force@127.0.0.1`),
      basicAuth: [{ user: 'ann', password: new Secret('pa$$word') }],
      setHeaders: { 'X-Team': new Secret('design;&|') },
      removeHeaders: ['X-Secret'],
      allow: ['127.0.0.0/8', '2001:db8::1'],
      passPreflight: true,
      args: ['x:fullurl'],
    });
    const { publicUrl } = await harness.open();
    const authorization = `Basic ${Buffer.from('ann:pa$$word').toString('base64')}`;
    const { body } = await harness.visit(publicUrl, { authorization, 'x-secret': 'mine', 'x-team': 'other' });
    const { headers } = JSON.parse(body) as { headers: Record<string, string> };
    expect(headers['x-team']).toBe('design;&|');
    expect(headers['x-secret']).toBeUndefined();
    expect(headers['x-pinggy-url']).toBe(new URL('/mcp', publicUrl).href);
    expect((await harness.visit(publicUrl)).status).toBe(401);
  });

  it('is ignored by the edge outside the allow-list', async () => {
    await using harness = await PinggyHarness.start(engine(), { allow: ['203.0.113.0/24'] });
    const { publicUrl } = await harness.open();
    await expect(harness.visit(publicUrl)).rejects.toThrow(/socket hang up|ECONNRESET/);
  });

  it('sends plain HTTP visitors to HTTPS', async () => {
    await using harness = await PinggyHarness.start(engine());
    const session = await harness.open();
    const plain = await waitFor(() => /"line":"(http:[^"]+)"/.exec(harness.logged)?.[1]);
    const response = await new Promise<http.IncomingMessage>((resolve) => http.get(`${plain}/mcp`, resolve));
    expect(response.statusCode).toBe(301);
    expect(response.headers.location).toBe(new URL('/mcp', session.publicUrl).href);
    response.resume();
  });

  it('needs no token, and then says when it ends', async () => {
    await using harness = await PinggyHarness.start(engine());
    const session = await harness.open();
    expect(harness.edge.logins[0]?.user).toBe('root');
    const minutes = ((session.expiresAt ?? 0) - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(59);
    expect(minutes).toBeLessThanOrEqual(60);
  });

  it('reads the URL from the log when the edge has no web debugger', async () => {
    await using harness = await PinggyHarness.start(engine(), { debugger: false });
    harness.edge.mode = 'no-debugger';
    harness.edge.greeting = [
      'You are not authenticated.',
      'Your tunnel will expire in 60 minutes. Upgrade: https://dashboard.pinggy.io',
      'https://dashboard.pinggy.io',
      '  \u001b[4mhttps://rnxyz-203-0-113-9.run.pinggy-free.link\u001b[0m',
      'GET 200 OK /mcp',
      'https://evil.example',
    ];
    const session = await harness.open();
    expect(session.publicUrl.href).toBe('https://rnxyz-203-0-113-9.run.pinggy-free.link/');
    expect(harness.edge.logins).toHaveLength(1);
  });

  it('asks the container for nothing it does not need', async () => {
    await using harness = await PinggyHarness.start(engine());
    await harness.open();
    const [info] = await engine().containers();
    const { HostConfig, Config } = await engine()
      .docker.getContainer(info?.Id ?? '')
      .inspect();
    expect(HostConfig).toMatchObject({
      Privileged: false,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      NetworkMode: 'host',
      Memory: 256 * 1024 * 1024,
      PidsLimit: 128,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '2' } },
    });
    expect(HostConfig.Binds ?? []).toEqual([]);
    expect(Config.Tty).toBe(false);
    expect(Config.OpenStdin).toBe(false);
  });

  it('shows no secret but in the arguments the container needs', async () => {
    const secret = (name: string) => new Secret(`${MARKER}${name}`);
    await using harness = await PinggyHarness.start(
      engine(),
      {
        token: secret('token'),
        keys: [secret('key')],
        basicAuth: [{ user: 'ann', password: secret('password') }],
        setHeaders: { 'X-Upstream-Key': secret('header') },
      },
      { accessTokens: () => [secret('access')] },
    );
    const since = Math.floor(Date.now() / 1000) - 1;
    const session = await harness.open();
    const [info] = await engine().containers();
    const inspection = await engine()
      .docker.getContainer(info?.Id ?? '')
      .inspect();
    const command = await harness.provider.equivalentCommand(harness.request);
    const found = await harness.provider.diagnose(harness.request);
    await session.close();
    const shown = JSON.stringify({
      labels: inspection.Config.Labels,
      name: inspection.Name,
      env: inspection.Config.Env,
      events: await eventsOf(engine(), since),
      log: harness.logged,
      command,
      found,
      session,
      url: session.publicUrl,
    });
    expect(shown).not.toContain(MARKER);
    expect(shown).toContain('io.tunneld.fingerprint');
    expect(found.map(({ name, ok }) => [name, ok])).toEqual([
      ['engine', true],
      ['image', true],
      ['container', true],
      ['edge', true],
    ]);
    expect(command).toContain(`${SSH_IMAGE} -p ${harness.edge.port}`);
    expect(command).toContain("'***@127.0.0.1' 'k:***' 'k:***' 'b:ann:***'");
  });

  it('leaves the containers of others alone', async () => {
    const foreign = async (name: string, labels: Record<string, string>) => {
      const container = await engine().docker.createContainer({ name, Image: SSH_IMAGE, Labels: labels });
      return container.id;
    };
    const mine = await foreign('tunneld-figma', {});
    const other = await foreign('tunneld-figma-000000', {
      'io.tunneld.instance': 'other-daemon',
      'io.tunneld.tunnel': 'figma',
    });
    await using harness = await PinggyHarness.start(engine());
    const session = await harness.open();
    await session.close();
    const left = (await engine().containers()).map(({ Id }) => Id);
    expect(left.sort()).toEqual([mine, other].sort());
    for (const id of left) await engine().docker.getContainer(id).remove();
  });

  it('releases everything when aborted while it opens', async () => {
    await using harness = await PinggyHarness.start(engine());
    harness.edge.mode = 'no-url';
    const abort = new AbortController();
    const opening = harness.open(harness.provider, abort.signal);
    opening.catch(() => {});
    await waitFor(() => harness.edge.logins.length === 1);
    abort.abort(new Error('no longer wanted'));
    await expect(opening).rejects.toThrow('no longer wanted');
    expect(await engine().containers()).toEqual([]);
  });
});

/** Everything the engine reported since then (Unix seconds). */
async function eventsOf(engine: TestEngine, since: number): Promise<string> {
  const events = await text(
    await engine.docker.getEvents({ since, until: Math.floor(Date.now() / 1000) + 1 }),
  );
  expect(events).toContain('"start"');
  return events;
}
