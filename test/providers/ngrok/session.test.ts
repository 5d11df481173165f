import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import { NgrokProvider } from '../../../src/providers/ngrok/provider.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { AGENT_PROGRAM } from '../../helpers/ngrok/agent-program.ts';
import { ACCESS_TOKEN, AUTHTOKEN, NgrokHarness, pidOf } from '../../helpers/ngrok/harness.ts';
import { processes } from '../../helpers/processes.ts';
import { startProgram } from '../../helpers/program.ts';
import { thrownBy } from '../../helpers/thrown.ts';
import { isAlive } from '../../helpers/tunneld.ts';
import { waitFor } from '../../helpers/wait-for.ts';

let harness: NgrokHarness;

beforeEach(async () => {
  harness = await NgrokHarness.start();
});

afterEach(() => harness[Symbol.asyncDispose]());

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe("ngrok's edge", () => {
  it('asks for the access token, knowing only its hash', async () => {
    const { publicUrl } = await harness.open();
    const refused = [await harness.visit(publicUrl), await harness.visit(publicUrl, bearer('tnl_wrong'))];
    expect(refused).toMatchObject([{ status: 401 }, { status: 401 }]);
    expect(refused[0]?.headers['www-authenticate']).toBe('Bearer realm="tunneld"');
    expect(await harness.visit(publicUrl, bearer(ACCESS_TOKEN))).toMatchObject({ status: 200 });
    expect(await harness.visit(publicUrl, { authorization: `bearer ${ACCESS_TOKEN}` })).toMatchObject({
      status: 200,
    });
    expect(JSON.stringify([harness.edge.auths, harness.edge.binds])).not.toContain(ACCESS_TOKEN);
  });

  it('sends the gateway its own address as Host, and says who called', async () => {
    const { publicUrl } = await harness.open();
    const { body } = await harness.visit(new URL('/mcp?a=b', publicUrl), bearer(ACCESS_TOKEN));
    expect(JSON.parse(body)).toMatchObject({
      url: '/mcp?a=b',
      headers: {
        host: harness.gatewayUrl.host,
        authorization: `Bearer ${ACCESS_TOKEN}`,
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-host': publicUrl.host,
      },
    });
  });

  it('lets every token in that is valid, and everybody when there is none', async () => {
    const both = [new Secret('tnl_the-new-one'), new Secret('tnl_the-old-one')];
    const rotated = await harness.open(harness.provider(), { accessTokens: () => both });
    const answers = both.map((token) => harness.visit(rotated.publicUrl, bearer(token.reveal())));
    expect(await Promise.all(answers)).toMatchObject([{ status: 200 }, { status: 200 }]);
    await rotated.close();
    const open = await harness.open(harness.provider(), { accessTokens: () => [] });
    expect(await harness.visit(open.publicUrl)).toMatchObject({ status: 200 });
  });

  it('lets a user with the right password in, and is not told the password', async () => {
    const password = 'swordfish-hunter2marker';
    const basicAuth = [new Secret(`anna:${password}`)];
    const { publicUrl } = await harness.open(harness.provider({ basicAuth }));
    const as = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });
    expect((await harness.visit(publicUrl, as('anna:wrong'))).status).toBe(401);
    expect((await harness.visit(publicUrl, as(`anna:${password}`))).status).toBe(200);
    expect((await harness.visit(publicUrl, bearer(ACCESS_TOKEN))).status).toBe(200);
    expect(JSON.stringify(harness.edge.binds)).not.toContain(password);
    expect(JSON.stringify(harness.edge.binds)).not.toContain(
      Buffer.from(`anna:${password}`).toString('base64'),
    );
  });

  it.each([
    { name: 'a network that may connect', options: { allow: ['127.0.0.0/8'] }, status: 200 },
    { name: 'another network only', options: { allow: ['203.0.113.0/24'] }, status: 403 },
    { name: 'a network that may not', options: { deny: ['127.0.0.0/8'] }, status: 403 },
  ])('minds $name', async ({ options, status }) => {
    const { publicUrl } = await harness.open(harness.provider(options));
    expect((await harness.visit(publicUrl, bearer(ACCESS_TOKEN))).status).toBe(status);
  });

  it('lets preflights through only where that is wanted', async () => {
    const strict = await harness.open();
    expect((await harness.visit(strict.publicUrl, {}, 'OPTIONS')).status).toBe(401);
    await strict.close();
    const lenient = await harness.open(harness.provider({ passPreflight: true }));
    expect((await harness.visit(lenient.publicUrl, {}, 'OPTIONS')).status).toBe(200);
    expect((await harness.visit(lenient.publicUrl)).status).toBe(401);
  });

  it('runs the rules of the user after the check of the token', async () => {
    const tag = {
      name: 'mine',
      actions: [{ type: 'add-headers', config: { headers: { 'x-mine': 'yes' } } }],
    };
    const { publicUrl } = await harness.open(harness.provider({ trafficPolicy: { on_http_request: [tag] } }));
    expect((await harness.visit(publicUrl)).status).toBe(401);
    const { body } = await harness.visit(publicUrl, bearer(ACCESS_TOKEN));
    expect(JSON.parse(body)).toMatchObject({ headers: { 'x-mine': 'yes', host: harness.gatewayUrl.host } });
  });

  it('is told the domain, the wish to share it and the metadata, and nothing of this machine', async () => {
    const wishes = { domain: 'figma.example.com', pooling: true, metadata: 'mine' };
    await harness.open(harness.provider(wishes));
    expect(harness.edge.online).toEqual(['figma.example.com']);
    expect(harness.edge.binds[0]).toMatchObject({
      ForwardsTo: harness.gatewayUrl.href,
      Opts: { Domain: 'figma.example.com' },
      Extra: { PoolingEnabled: true, Metadata: 'mine' },
    });
    expect(harness.edge.auths[0]?.Extra).toMatchObject({ AuthToken: AUTHTOKEN });
    expect(JSON.stringify(harness.edge.auths)).toContain('tunneld');
  });
});

describe('the agent', () => {
  it('does not talk to an edge whose certificate it cannot trust', async () => {
    const { caFile: _, ...options } = harness.options();
    const provider = new NgrokProvider(options, { program: AGENT_PROGRAM });
    const { code, message } = await thrownBy(() => harness.open(provider));
    expect([code, message]).toEqual(['NGROK_UNREACHABLE', expect.stringContaining('tls handshake')]);
    expect(harness.edge.auths).toEqual([]);
  });
});

describe('the agent process', () => {
  it('shows no secret in its arguments and its environment, and the log shows none either', async () => {
    const session = await harness.open();
    const [agent] = (await processes()).filter(({ pid }) => pid === pidOf(session));
    expect(agent?.arguments).toContain('worker.js');
    // What Node itself puts there for the channel to its parent.
    expect(agent?.environment).toMatch(/^(?:NODE_CHANNEL_\w+=\w+\n)*$/);
    expect(`${agent?.arguments}${harness.logged}`).not.toContain('hunter2marker');
  });

  it('ends with its session, and gives the endpoint back', async () => {
    const session = await harness.open();
    await session.close();
    expect(isAlive(pidOf(session))).toBe(false);
    expect(harness.edge.unbinds.length).toBeGreaterThan(0);
    await waitFor(() => harness.edge.connections === 0);
  });

  it('ends when its parent is killed', async () => {
    const { edge, caFile } = harness;
    const holder = await startProgram({
      program: 'ngrok-holder.ts',
      args: [edge.address, caFile],
      env: { AUTHTOKEN },
    });
    expect(edge.sessions).toBe(1);
    const agent = holder.port;
    const began = performance.now();
    process.kill(holder.pid, 'SIGKILL');
    await waitFor(() => edge.sessions === 0);
    process.stdout.write(`    session gone ${Math.round(performance.now() - began)} ms after the parent\n`);
    await waitFor(() => !isAlive(agent));
    expect(edge.connections).toBe(0);
  });

  it('does not mind the signals that its group is sent', async () => {
    const session = await harness.open();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pidOf(session), signal);
    expect((await harness.visit(session.publicUrl, bearer(ACCESS_TOKEN))).status).toBe(200);
  });

  it('that is killed ends the session', async () => {
    const session = await harness.open();
    process.kill(pidOf(session), 'SIGKILL');
    expect(await session.closed).toMatchObject({
      reason: 'ended',
      error: { code: 'NGROK_FAILED', message: expect.stringContaining('SIGKILL') },
    });
    await waitFor(() => harness.edge.sessions === 0);
  });

  it('that is stopped is found out and killed', async () => {
    const clock = new FakeClock();
    const session = await harness.open(harness.provider({}, { clock }));
    process.kill(pidOf(session), 'SIGSTOP');
    await clock.advance(20_000);
    expect(await session.closed).toMatchObject({
      reason: 'ended',
      error: { code: 'SESSION_LOST', message: 'the agent process does not answer' },
    });
    expect(isAlive(pidOf(session))).toBe(false);
    await waitFor(() => harness.edge.sessions === 0);
    expect(clock.pending).toBe(0);
  });
});

describe('the edge ends a session', () => {
  it.each([
    [
      'restart',
      { reason: 'ended', error: { code: 'SESSION_LOST', message: 'restarted from the ngrok dashboard' } },
    ],
    ['stop', { reason: 'ended', error: { code: 'NGROK_STOPPED' } }],
  ] as const)('with the command %s', async (command, end) => {
    const session = await harness.open();
    const answers = harness.edge.command(command);
    expect(await session.closed).toMatchObject(end);
    await answers.catch(() => {});
  });

  it('not with the command to update itself, which is refused', async () => {
    const session = await harness.open();
    expect(await harness.edge.command('update')).toEqual([expect.stringContaining('not defined')]);
    expect((await harness.visit(session.publicUrl, bearer(ACCESS_TOKEN))).status).toBe(200);
  });

  it('with a quota that is used up, which is final', async () => {
    const session = await harness.open();
    harness.edge.stopTunnel({ message: 'You have used up your bandwidth.', code: 'ERR_NGROK_725' });
    expect(await session.closed).toMatchObject({
      reason: 'ended',
      error: {
        code: 'NGROK_LIMIT',
        message: expect.stringContaining('used up your bandwidth. (ERR_NGROK_725)'),
        remedy: expect.stringContaining('https://ngrok.com/docs/errors/err_ngrok_725'),
      },
    });
  });

  it('with a limit of the minute, which is worth another attempt in a minute', async () => {
    const session = await harness.open();
    harness.edge.stopTunnel({ message: 'Too many requests.', code: 'ERR_NGROK_734' });
    expect(await session.closed).toMatchObject({
      reason: 'ended',
      error: { code: 'NGROK_RATE_LIMIT', retryable: true, retryAfterMs: 60_000 },
    });
  });

  it('for no reason it gives, which is worth another attempt', async () => {
    const session = await harness.open();
    harness.edge.stopTunnel({ message: 'Maintenance.', code: null });
    expect(await session.closed).toMatchObject({
      reason: 'ended',
      error: { code: 'SESSION_LOST', message: 'Maintenance.' },
    });
  });
});

describe('options that ngrok would refuse', () => {
  it.each([
    { domain: 'https://x.example.com' },
    { server: 'localhost' },
    { metadata: 'x'.repeat(4_097) },
    { allow: ['10.0.0.1'] },
    { deny: ['10.0.0.0/33'] },
    { basicAuth: [new Secret('anna:short')] },
    { basicAuth: [new Secret('no-colon-in-this')] },
    { trafficPolicy: { on_everything: [] } },
    { caFile: '/nowhere/ca.pem' },
  ])('are refused before anything is opened: %j', async (options) => {
    const { code } = await thrownBy(() => harness.open(harness.provider(options)));
    expect(code).toBe('NGROK_OPTION_INVALID');
    expect(harness.edge.connections).toBe(0);
  });
});
