import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import { RelayProvider } from '../../src/providers/relay/relay-provider.ts';
import { RelayServer } from '../../src/relay/edge/relay-server.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { ReferenceRelay } from '../helpers/mcp-tunnel/reference-relay.ts';
import { quiet } from '../helpers/quiet.ts';

function subject(relayUrl: string) {
  const provider = new RelayProvider({
    relayUrl: () => new URL(relayUrl),
    token: new Secret('s3cret'),
    name: '127',
    publicHosts: ['127.0.0.1'],
    clock: systemClock,
  });
  const request = { way: 'in-process', name: 'figma', accept: () => {} } as const;
  return {
    async open() {
      const session = await provider.open(request, { signal: new AbortController().signal, log: quiet });
      onTestFinished(() => session.close());
      return session;
    },
    findings: () => provider.diagnose(request),
  };
}

async function theirs(): Promise<ReferenceRelay> {
  const relay = await ReferenceRelay.start({ generation: '0.2', clock: systemClock });
  onTestFinished(() => relay[Symbol.asyncDispose]());
  return relay;
}

describe('what doctor says of a relay', () => {
  it('of another kind is that its link is open, although it answers 502 on our path', async () => {
    const relay = await theirs();
    const { open, findings } = subject(`http://127.0.0.1:${relay.port}`);
    await open();
    expect(await findings()).toEqual([
      { name: 'link', ok: true, detail: `a link to 127.0.0.1:${relay.port} is open`, remedy: '' },
    ]);
  });

  it('of another kind is that it opens links, also while none is open', async () => {
    const relay = await theirs();
    const { findings } = subject(`http://127.0.0.1:${relay.port}`);
    expect(await findings()).toMatchObject([
      { name: 'link', ok: true, detail: expect.stringContaining('mcp-tunnel protocol') },
    ]);
    expect(relay.tunnels.size).toBe(0);
  });

  it('is not that all is well where a web page answers', async () => {
    const server = createServer((_request, response) => {
      response.setHeader('Content-Type', 'text/html').end('<h1>Log in</h1>');
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { findings } = subject(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(await findings()).toMatchObject([
      { name: 'link', ok: false, detail: expect.stringContaining('with a web page') },
    ]);
  });

  it('names its certificate while the link still works', async () => {
    const day = 86_400_000;
    const good = makeCertificate();
    const relay = new RelayServer({
      host: '127.0.0.1',
      port: 0,
      routing: { kind: 'path' },
      tls: good,
      authorize: async () => ({ ok: true, identity: 'owner' }),
      clock: systemClock,
      log: quiet,
    });
    const { port } = await relay.listen();
    onTestFinished(() => relay.close());
    // Nothing trusts a certificate of our own making: what is looked at is the one of the moment.
    relay.setTls(makeCertificate(['localhost'], { from: Date.now() - 2 * day, to: Date.now() - day }));
    const { findings } = subject(`https://localhost:${port}`);
    expect(await findings()).toContainEqual(
      expect.objectContaining({
        ok: false,
        detail: expect.stringMatching(/^RELAY_CERTIFICATE: .*has expired/),
      }),
    );
  });
});
