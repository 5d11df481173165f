import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import { Secret } from '../../src/core/secret.ts';
import { Supervisor } from '../../src/daemon/supervisor.ts';
import { RelayProvider } from '../../src/providers/relay/relay-provider.ts';
import { sessionNotes } from '../../src/providers/relay/session-notes.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { freePort } from '../helpers/free-port.ts';
import { quiet } from '../helpers/quiet.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { head, say, startRelay } from '../relay/relay-harness.ts';

/** A tunnel `figma` as a daemon of its own keeps it. Waits come only when its clock is moved. */
function machine(port: number, accept: (exchange: Exchange) => void, clock = new FakeClock()) {
  const provider = new RelayProvider({
    relayUrl: () => new URL(`http://127.0.0.1:${port}`),
    token: new Secret('the-token-of-both-machines'),
    publicHosts: ['127.0.0.1'],
    clock: systemClock,
  });
  const supervisor = new Supervisor({
    provider,
    request: { way: 'in-process', name: 'figma', accept },
    clock,
    random: () => 1,
    log: quiet,
    online: () => true,
    onChange: () => {},
    onSessionOpened: () => {},
    onSessionClosed: () => {},
  });
  onTestFinished(() => supervisor.stop('the test ended'));
  return { supervisor, clock };
}

describe('two machines with one name and token', () => {
  it('do not take it from each other for ever, and the loser serves again once the winner has left', async () => {
    const relay = await startRelay();
    const first = machine(relay.port, say('first'));
    first.supervisor.start('wanted');
    await waitFor(() => first.supervisor.state === 'up');
    const second = machine(relay.port, say('second'));
    second.supervisor.start('wanted');
    await waitFor(() => second.supervisor.state === 'up');
    await waitFor(() => first.supervisor.state === 'backing-off');
    expect(first.supervisor.lastError).toMatchObject({
      code: 'RELAY_NAME_HELD',
      message: expect.stringContaining('waiting until it has left'),
      remedy: expect.stringContaining('tunneld restart'),
    });
    for (let round = 0; round < 3; round++) {
      await first.clock.advance(60_000);
      await waitFor(() => first.supervisor.state === 'backing-off');
    }
    expect([second.supervisor.state, second.supervisor.replacements]).toEqual(['up', 0]);
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('second');

    await second.supervisor.stop('its user went home');
    await first.clock.advance(60_000);
    await waitFor(() => first.supervisor.state === 'up');
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('first');
  });

  it('let the one serve whose user insists', async () => {
    const relay = await startRelay();
    const first = machine(relay.port, say('first'));
    first.supervisor.start('wanted');
    await waitFor(() => first.supervisor.state === 'up');
    const second = machine(relay.port, say('second'));
    second.supervisor.start('wanted');
    await waitFor(() => first.supervisor.state === 'backing-off');
    first.supervisor.restart('asked for');
    await waitFor(() => first.supervisor.state === 'up');
    await waitFor(() => second.supervisor.state === 'backing-off');
    expect(await (await fetch(`${relay.url}/figma/`)).text()).toBe('first');
  });
});

describe('a tunnel on our relay that is restarted', () => {
  it('is never missed by visitors, and finishes what it carries', async () => {
    const relay = await startRelay();
    const slow: Exchange[] = [];
    const { supervisor, clock } = machine(relay.port, (exchange) =>
      exchange.request.target === '/slow' ? void slow.push(exchange) : say('quick')(exchange),
    );
    supervisor.start('wanted');
    await waitFor(() => supervisor.state === 'up');
    const call = fetch(`${relay.url}/figma/slow`);
    await waitFor(() => slow.length === 1);
    const seen: number[] = [];
    let visiting = true;
    const visits = (async () => {
      while (visiting) seen.push((await fetch(`${relay.url}/figma/`)).status);
    })();
    for (let generation = 2; generation <= 4; generation++) {
      const before = seen.length;
      supervisor.restart('asked for');
      await clock.advance(0);
      await waitFor(() => supervisor.session?.generation === generation && seen.length > before + 3);
    }
    visiting = false;
    await visits;
    expect(new Set(seen)).toEqual(new Set([200]));
    const body = Buffer.from('slow');
    slow[0]?.respond(head(200, body.length), body, true);
    expect(await (await call).text()).toBe('slow');
  });
});

describe('an attempt that found nobody listening', () => {
  it('is made again as soon as somebody does', async () => {
    const port = await freePort();
    const { supervisor, clock } = machine(port, say('x'));
    supervisor.start('wanted');
    // A minute of failures: the waits have grown.
    for (let second = 0; second < 130; second++) {
      await clock.advance(1_000);
      await waitFor(() => supervisor.state === 'backing-off');
    }
    const { attempts } = supervisor;
    expect((supervisor.nextRetryAt ?? 0) - clock.now()).toBeGreaterThan(10_000);
    await startRelay({ port });
    let waitedMs = 0;
    for (; supervisor.state !== 'up' && waitedMs < 10_000; waitedMs += 250) {
      await clock.advance(250);
      // A look at a port of this machine is answered in a moment.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect([supervisor.state, supervisor.attempts]).toEqual(['up', attempts]);
  });
});

describe('what there is to know of a session', () => {
  it.each([
    [
      'http://figma.tunnel.example.com',
      'http://tunnel.example.com',
      [/Callers reach .* in clear/, /link .* in clear/],
    ],
    ['https://figma.tunnel.example.com', 'http://tunnel.example.com', [/link .* in clear/]],
    ['https://tunnel.example.com/figma', 'https://tunnel.example.com', []],
    ['http://127.0.0.1:7575/figma', 'http://127.0.0.1:7575', []],
    ['http://figma.localhost:7575', 'http://localhost:7575', []],
    ['https://tunnel.example.com/alice', 'https://tunnel.example.com', [/the name alice, not figma/]],
    ['https://alice.tunnel.example.com', 'https://tunnel.example.com', [/the name alice, not figma/]],
  ])('at %s of %s', (publicUrl, relayUrl, notes) => {
    const said = sessionNotes(new URL(publicUrl), new URL(relayUrl), 'figma');
    expect(said).toEqual(notes.map((note) => expect.stringMatching(note)));
  });
});

describe('a relay that refuses a token that nobody gave', () => {
  it('is said to want one', async () => {
    const relay = await startRelay();
    const refused = (tokenMadeUp: boolean) =>
      new RelayProvider({
        relayUrl: () => new URL(relay.url),
        token: new Secret('wrong'),
        tokenMadeUp,
        clock: systemClock,
      }).open(
        { way: 'in-process', name: 'figma', accept: () => {} },
        { signal: new AbortController().signal, log: quiet },
      );
    await expect(refused(true)).rejects.toMatchObject({
      code: 'CREDENTIAL_REJECTED',
      message: expect.stringContaining('no token for it was given here'),
      remedy: expect.stringContaining('--relay-token'),
    });
    await expect(refused(false)).rejects.toMatchObject({
      remedy: expect.stringContaining('Check the token given'),
    });
  });
});
