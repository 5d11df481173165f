import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseTunnelSpec } from '../../src/config/tunnel-spec.ts';
import { Secret } from '../../src/core/secret.ts';
import { made } from '../../src/daemon/tokens.ts';
import { Tunnel, type TunnelDeps } from '../../src/daemon/tunnel.ts';
import type { TunnelDefinition } from '../../src/daemon/tunnel-definition.ts';
import type { OpenContext, PortRequest } from '../../src/providers/provider.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { freePort } from '../helpers/free-port.ts';
import { startMute } from '../helpers/hostile-servers.ts';
import { quiet } from '../helpers/quiet.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { type Script, ScriptedProvider } from './scripted-provider.ts';

const OLD = made(new Secret('the-old-token-of-the-tunnel'), 0);
const NEW = made(new Secret('the-new-token-of-the-tunnel'), 0);

/** Its edge turns away who does not know one of the tokens it was given when the session was opened. */
class CheckingProvider extends ScriptedProvider {
  /** Of each session. */
  readonly given: string[][] = [];

  override async open(request: PortRequest, context: OpenContext) {
    this.given.push((request.accessTokens?.() ?? []).map((token) => token.reveal()));
    const session = await super.open(request, context);
    // The checks of the public leg stay on this machine.
    return Object.assign(session, { publicUrl: request.gatewayUrl });
  }
}

let clock: FakeClock;
let port: number;
let tunnel: Tunnel | undefined;

beforeEach(async () => {
  clock = new FakeClock();
  port = await freePort();
});

afterEach(async () => {
  await tunnel?.close('the test is over');
});

function tunnelOver(provider: ScriptedProvider, deps: Partial<TunnelDeps> = {}): Tunnel {
  tunnel = new Tunnel('figma', definition(), {
    instance: '0123456789abcdef',
    owner: { instance: 'test', place: 'here', key: new Secret('the-key-of-this-daemon') },
    env: {},
    clock,
    random: () => 0.5,
    log: quiet,
    provider: () => Promise.resolve({ provider, way: 'port', checksTokens: true }),
    online: () => true,
    drainMs: 0,
    clean: (text) => text,
    onSecret: () => {},
    lastGatewayPort: () => undefined,
    onGatewayPort: () => {},
    onChange: () => {},
    ...deps,
  });
  return tunnel;
}

function definition(wanted: Partial<TunnelDefinition> & { port?: number } = {}): TunnelDefinition {
  const { port: at = port, ...rest } = wanted;
  const config = parseTunnelSpec('figma', { port: at });
  return { config, source: 'cli', desired: 'up', tokens: [OLD], ...rest };
}

const isUp = (of: Tunnel) => waitFor(() => of.status.state === 'up', { what: 'a session' });

function checking(...scripts: Script[]): CheckingProvider {
  return new CheckingProvider(clock, ...scripts);
}

describe('a tunnel', () => {
  it('that is brought up while it goes down is down first, and then up', async () => {
    const provider = checking({ opens: 'at-once', close: 1_000 }, { opens: 'at-once' });
    const figma = tunnelOver(provider);
    await figma.apply(definition(), 'up');
    await isUp(figma);
    const down = figma.apply(definition({ desired: 'down' }), 'down');
    await waitFor(() => provider.last.closeCalls === 1, { what: 'the closing' });
    const up = figma.apply(definition(), 'up again');
    await clock.advance(1_000);
    await Promise.all([down, up]);
    await isUp(figma);
    expect(figma.inspection.gatewayUrl).not.toBe('');
    expect({ live: provider.live, most: provider.mostLive }).toEqual({ live: 1, most: 1 });
  });

  it('teaches its edge a token that was rotated while the session opened', async () => {
    const provider = checking({ opens: 1_000 }, { opens: 'at-once' });
    const figma = tunnelOver(provider);
    await figma.apply(definition(), 'up');
    await waitFor(() => provider.opens === 1, { what: 'the opening' });
    figma.setTokens([NEW]);
    await clock.advance(1_000);
    await waitFor(() => provider.opens === 2 && figma.status.state === 'up', { what: 'the next session' });
    expect(provider.given).toEqual([[OLD.value.reveal()], [NEW.value.reveal()]]);
  });

  it('opens no other session for a token that its edge knows', async () => {
    const provider = checking();
    const figma = tunnelOver(provider);
    await figma.apply(definition(), 'up');
    await isUp(figma);
    await figma.apply(definition(), 'up');
    figma.setTokens([OLD]);
    expect(provider.opens).toBe(1);
  });

  it('hears nothing more of a server that it has left', async () => {
    await using hangs = await startMute();
    const causes: string[] = [];
    const figma = tunnelOver(checking(), {
      drainMs: 60_000,
      onChange: ({ health }) => causes.push(health.cause),
    });
    await figma.apply(definition({ port: hangs.port }), 'up');
    await isUp(figma);
    // A call in flight keeps the gateway that is replaced, and the monitor behind it.
    const leaving = new AbortController();
    const call = fetch(new URL('/mcp', figma.inspection.gatewayUrl), {
      method: 'POST',
      headers: { Authorization: `Bearer ${OLD.value.reveal()}` },
      signal: leaving.signal,
    }).catch(() => 'gone');
    await waitFor(() => figma.status.requests.active > 0, { what: 'the call' });
    await figma.apply(definition({ port }), 'its server moved');
    await waitFor(() => figma.status.health.cause.includes(`127.0.0.1:${port}`), {
      what: 'a look at the new one',
    });
    const moved = causes.length;
    // What the old monitor asked of its server takes too long by now.
    await clock.advance(30_000);
    leaving.abort();
    expect(await call).toBe('gone');
    await figma.close('the test is over');
    expect(
      causes.slice(moved).filter((cause) => cause.includes(`:${hangs.port}`) || /hang|answer/i.test(cause)),
    ).toEqual([]);
  });
});
