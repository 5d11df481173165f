import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { parseGrants } from '../../src/relayd/static-tokens.ts';
import { registerOldClient } from '../helpers/mcp-tunnel/old-client.ts';
import { startClientP1 } from '../helpers/mcp-tunnel/old-client-p1.ts';
import { startLocal } from '../mcp-tunnel/edge/agents-harness.ts';
import { admin, startTestRelay } from './harness.ts';

const grants = () => parseGrants('a-token-of-an-agent:myapp,other,third', 'test');
const TOKEN = 'a-token-of-an-agent';

describe('a relay that took the place of mcp-tunnel', () => {
  it('says to its operator which tunnels are open to whoever calls', async () => {
    const relay = await startTestRelay({ auth: { kind: 'static', grants } });
    const local = await startLocal((_request, response) => response.end('hello'));
    const to = { relay: `http://127.0.0.1:${relay.port}`, token: TOKEN, localPort: local.port };
    await startClientP1({ ...to, subdomain: 'myapp' });
    await relay.link('other', { access: { tokens: [], query: false, preflight: false } });
    await relay.link('third');
    expect((await relay.ask('myapp.tunnel.test', '/')).text).toBe('hello');
    const { tunnels } = (await admin(relay.adminSocket, 'GET', '/tunnels')).body;
    expect(tunnels).toMatchObject([
      { name: 'myapp', dialect: 'mcp-tunnel 0.1', access: 'open' },
      { name: 'other', dialect: 'tunneld', access: 'token' },
      // Its agent told of no token, so the relay checks none.
      { name: 'third', dialect: 'tunneld', access: 'open' },
    ]);
    const registered = relay.logged().filter(({ msg }) => msg === 'link registered');
    expect(registered).toMatchObject([
      { name: 'myapp', dialect: 'mcp-tunnel', access: 'open' },
      { name: 'other', dialect: 'tunneld', access: 'token' },
      // Its agent told of no token, so the relay checks none.
      { name: 'third', dialect: 'tunneld', access: 'open' },
    ]);
  });

  it('gives the name to an agent of tunneld with the same token, without a gap', async () => {
    const relay = await startTestRelay({ auth: { kind: 'static', grants } });
    const to = { relay: `http://127.0.0.1:${relay.port}`, token: TOKEN, subdomain: 'myapp' };
    const old = await registerOldClient(to, () => {});
    await relay.link('myapp', { token: new Secret(TOKEN) });
    expect((await old.closed).code).toBe(4002);
    expect((await relay.ask('myapp.tunnel.test', '/mcp')).status).toBe(200);
  });

  it('turns such clients away where the operator wants every tunnel to have a token', async () => {
    const relay = await startTestRelay({ auth: { kind: 'static', grants }, mcpTunnelAgents: false });
    const to = { relay: `http://127.0.0.1:${relay.port}`, token: TOKEN, subdomain: 'myapp' };
    await expect(registerOldClient(to, () => {})).rejects.toThrow('403');
    await expect(registerOldClient(to, () => {})).rejects.toThrow('403');
    const answer = await relay.ask('tunnel.test', '/_tunnel/register');
    expect(answer.text).toContain('--mcp-tunnel-agents serve');
    // Its operator hears of it, and not once for each attempt.
    const told = relay.logged().filter(({ msg }) => String(msg).includes('was turned away'));
    expect(told).toMatchObject([
      { level: 'warn', remedy: expect.stringContaining('--mcp-tunnel-agents serve') },
    ]);
    // On a tunnel's own host the path is the tunnel's.
    await relay.link('myapp');
    expect((await relay.ask('myapp.tunnel.test', '/_tunnel/register')).status).toBe(200);
  });

  it('holds the body limits of its operator also for them', async () => {
    const limits = { requestsPerAddress: 0, requestsPerTunnel: 0, connectionsPerAddress: 256 };
    const relay = await startTestRelay({
      auth: { kind: 'static', grants },
      limits: { ...limits, maxResponseBodyBytes: 1_000 },
    });
    const local = await startLocal((request, response) =>
      response.end('x'.repeat(request.url === '/long' ? 1_001 : 1_000)),
    );
    const to = { relay: `http://127.0.0.1:${relay.port}`, token: TOKEN, localPort: local.port };
    await startClientP1({ ...to, subdomain: 'myapp' });
    expect((await relay.ask('myapp.tunnel.test', '/')).status).toBe(200);
    expect((await relay.ask('myapp.tunnel.test', '/long')).status).toBe(502);
  });
});
