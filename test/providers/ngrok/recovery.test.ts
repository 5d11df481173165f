import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Supervisor } from '../../../src/daemon/supervisor.ts';
import type { StateChange } from '../../../src/daemon/tunnel-state.ts';
import type { NgrokOptions } from '../../../src/providers/ngrok/options.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import type { Refusal } from '../../helpers/ngrok/edge.ts';
import { ACCESS_TOKEN, AUTHTOKEN, NgrokHarness } from '../../helpers/ngrok/harness.ts';
import { waitFor } from '../../helpers/wait-for.ts';

let harness: NgrokHarness;
let running: Supervisor[];

beforeEach(async () => {
  harness = await NgrokHarness.start();
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map((supervisor) => supervisor.stop('the test is over')));
  await harness[Symbol.asyncDispose]();
});

/** The real provider under the real supervisor; time passes only when `pass` says so. */
function supervised(options: Partial<NgrokOptions> = {}, name = 'figma') {
  const clock = new FakeClock();
  const changes: StateChange[] = [];
  const supervisor = new Supervisor({
    provider: harness.provider(options, { clock }),
    request: harness.request({ name }),
    clock,
    // The longest delay the policy allows: what is printed is the worst case.
    random: () => 1,
    log: harness.log,
    online: () => true,
    onChange: (change) => changes.push(change),
    onSessionOpened: () => {},
    onSessionClosed: () => {},
  });
  running.push(supervisor);
  /** Processes and sockets take real time: no attempt is overtaken by the clock. */
  const settle = () =>
    waitFor(() => ['up', 'backing-off', 'failed'].includes(supervisor.state), {
      what: 'the end of an attempt',
    });
  return {
    clock,
    supervisor,
    states: () => changes.map(({ to }) => to),
    async up() {
      supervisor.start('test');
      await waitFor(() => supervisor.state === 'up');
    },
    /** The state after the session's end was noticed and dealt with. */
    async left() {
      await waitFor(() => supervisor.session === undefined);
      await settle();
    },
    async pass(ms: number) {
      for (let left = ms; left > 0; left -= 250) {
        await settle();
        await clock.advance(Math.min(left, 250));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await settle();
    },
    /** Lets time pass until the tunnel is up, and prints how much that was. */
    async recovers(what: string, withinMs: number) {
      const began = clock.monotonic();
      await settle();
      while (supervisor.state !== 'up' && clock.monotonic() - began <= withinMs) await this.pass(250);
      const took = clock.monotonic() - began;
      process.stdout.write(`    ${what}: up again after ${(took / 1_000).toFixed(2)} s\n`);
      expect(supervisor.state).toBe('up');
      expect(took).toBeLessThanOrEqual(withinMs);
      const url = supervisor.publicUrl ?? new URL('https://nowhere.invalid');
      const answer = await harness.visit(url, { authorization: `Bearer ${ACCESS_TOKEN}` });
      expect(answer.status).toBe(200);
      await waitFor(() => harness.edge.sessions === 1 && harness.edge.connections === 1);
    },
  };
}

const refusing = (code: number, message = 'No.'): Refusal => ({ message, code: `ERR_NGROK_${code}` });

describe('an ngrok tunnel comes back by itself', () => {
  it('when its connection is cut', async () => {
    const tunnel = supervised();
    await tunnel.up();
    const url = tunnel.supervisor.publicUrl?.href;
    harness.edge.drop();
    const began = performance.now();
    await tunnel.left();
    process.stdout.write(`    noticed after ${Math.round(performance.now() - began)} ms\n`);
    await tunnel.recovers('connection cut', 2_000);
    expect(tunnel.supervisor.publicUrl?.href).toBe(url);
  });

  it('when the edge falls silent, at the speed of the heartbeats', async () => {
    const tunnel = supervised();
    await tunnel.up();
    harness.edge.deaf = true;
    const began = performance.now();
    await tunnel.left();
    const noticed = performance.now() - began;
    harness.edge.deaf = false;
    process.stdout.write(`    noticed after ${Math.round(noticed)} ms (heartbeat 1 s, tolerance 2 s)\n`);
    expect(noticed).toBeLessThan(4_500);
    await tunnel.recovers('peer silent', 2_000);
  });

  it('when the edge takes the endpoint back without a reason', async () => {
    const tunnel = supervised();
    await tunnel.up();
    harness.edge.stopTunnel({ message: 'Maintenance.', code: null });
    await tunnel.left();
    await tunnel.recovers('StopTunnel', 2_000);
  });

  it.each([
    [1, 2],
    [30, 30],
    [300, 60],
  ])('after the edge was away for %d s', async (seconds, withinSeconds) => {
    const tunnel = supervised();
    await tunnel.up();
    await harness.edge.stop();
    await tunnel.left();
    await tunnel.pass(seconds * 1_000);
    expect(tunnel.supervisor.state).not.toBe('up');
    expect(tunnel.supervisor.lastError).toMatchObject({ code: 'NGROK_UNREACHABLE' });
    await harness.edge.restart();
    await tunnel.recovers(`outage of ${seconds} s`, withinSeconds * 1_000);
  });

  it('when the edge still believed in the last session: 334, then free', async () => {
    const tunnel = supervised({ domain: 'figma.example.com' });
    await tunnel.up();
    harness.edge.lingering = true;
    harness.edge.drop();
    await tunnel.left();
    await tunnel.pass(45_000);
    expect(tunnel.supervisor).toMatchObject({ state: 'backing-off', lastError: { code: 'NGROK_BUSY' } });
    harness.edge.bury();
    await tunnel.recovers('334, free after 45 s', 60_000);
  });

  it('when the account counted the last session still: 108, then free', async () => {
    const tunnel = supervised();
    await tunnel.up();
    Object.assign(harness.edge, { lingering: true, sessionLimit: 1 });
    harness.edge.drop();
    await tunnel.left();
    await tunnel.pass(45_000);
    expect(tunnel.supervisor).toMatchObject({ state: 'backing-off', lastError: { code: 'NGROK_BUSY' } });
    harness.edge.bury();
    await tunnel.recovers('108, free after 45 s', 60_000);
  });

  it('after a rate limit, and not sooner than in a minute', async () => {
    const tunnel = supervised();
    harness.edge.refuseAuth = () => refusing(349);
    tunnel.supervisor.start('test');
    await waitFor(() => tunnel.supervisor.state === 'backing-off');
    expect(tunnel.supervisor.lastError).toMatchObject({ code: 'NGROK_RATE_LIMIT' });
    harness.edge.refuseAuth = undefined;
    await tunnel.pass(59_000);
    expect(harness.edge.auths).toHaveLength(1);
    await tunnel.recovers('rate limit, after 59 s of patience', 2_000);
  });
});

describe('an ngrok tunnel gives up', () => {
  it.each([
    [105, 'CREDENTIAL_REJECTED'],
    [107, 'CREDENTIAL_REJECTED'],
    [121, 'NGROK_VERSION'],
    [337, 'NGROK_ACCOUNT'],
  ])('at once on %d', async (number, code) => {
    const tunnel = supervised();
    harness.edge.refuseAuth = ({ Extra }) => refusing(number, `Refused.\nYour authtoken: ${Extra.AuthToken}`);
    tunnel.supervisor.start('test');
    await waitFor(() => tunnel.supervisor.state === 'failed');
    expect(tunnel.supervisor.lastError).toMatchObject({
      code,
      remedy: expect.stringContaining(String(number)),
    });
    expect(`${JSON.stringify(tunnel.supervisor.lastError)}${harness.logged}`).not.toContain(AUTHTOKEN);
    await tunnel.pass(600_000);
    expect(harness.edge.auths).toHaveLength(1);
  });

  it.each([
    [313, 'NGROK_OPTION_INVALID'],
    [324, 'NGROK_LIMIT'],
    [2203, 'NGROK_OPTION_INVALID'],
  ])('at once on %d at bind', async (number, code) => {
    const tunnel = supervised();
    harness.edge.refuseBind = () => refusing(number);
    tunnel.supervisor.start('test');
    await waitFor(() => tunnel.supervisor.state === 'failed');
    expect(tunnel.supervisor.lastError).toMatchObject({ code });
    await waitFor(() => harness.edge.connections === 0);
  });

  it('on a domain that somebody else holds, after two minutes', async () => {
    const holder = await harness.open(harness.provider({ domain: 'figma.example.com' }), { name: 'holder' });
    const tunnel = supervised({ domain: 'figma.example.com' });
    tunnel.supervisor.start('test');
    await waitFor(() => tunnel.supervisor.state === 'backing-off');
    await tunnel.pass(200_000);
    expect(tunnel.supervisor).toMatchObject({ state: 'failed', lastError: { code: 'NGROK_ENDPOINT_TAKEN' } });
    expect(holder.publicUrl.protocol).toBe('https:');
  });

  it('on an account that is full, and names the tunnels that fill it', async () => {
    harness.edge.sessionLimit = 1;
    const notes = await harness.open(harness.provider(), { name: 'notes' });
    const tunnel = supervised();
    tunnel.supervisor.start('test');
    await waitFor(() => tunnel.supervisor.state === 'backing-off');
    await tunnel.pass(200_000);
    expect(tunnel.supervisor.lastError).toMatchObject({
      code: 'NGROK_LIMIT',
      message: expect.stringContaining(`agent sessions at once, held by notes (${notes.publicUrl.host})`),
    });
  });
});
