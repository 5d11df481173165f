import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import { openAgentLink } from '../../src/relay/agent/agent-link.ts';
import { freePort } from '../helpers/free-port.ts';
import { quiet } from '../helpers/quiet.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { sayWho } from '../relayd/harness.ts';
import { Console } from './console.ts';

/** Stands in every secret of these tests, and in nothing else. */
const MARK = 'hush4711';

interface Relay {
  readonly user: Console;
  readonly port: number;
  readonly adminPort: number;
  write(...lines: readonly string[]): void;
  says(msg: string): Promise<unknown>;
  /** Everything it ever said. */
  everything(): Promise<string>;
}

async function startRelay(...lines: readonly string[]): Promise<Relay> {
  const user = new Console();
  const file = join(user.folder, 'relay.yaml');
  const [port, adminPort] = [await freePort(), await freePort()];
  const fixed = ['publicUrl: http://a.test', `port: ${port}`, 'host: 127.0.0.1', `adminPort: ${adminPort}`];
  const write = (...now: readonly string[]) =>
    writeFileSync(file, [...fixed, ...now].join('\n'), { mode: 0o600 });
  write(...lines);
  const ended = user.type('relay', '--config', file);
  onTestFinished(async () => {
    user.interruption.abort();
    await ended;
  });
  const says = (msg: string) =>
    waitFor(() => user.stdout.find((line) => line.includes(`"msg":"${msg}"`)), { timeoutMs: 20_000 });
  await says('relay started');
  return {
    user,
    port,
    adminPort,
    write,
    says,
    async everything() {
      const paths = ['/healthz', '/readyz', '/metrics', '/tunnels'];
      const told = await Promise.all(
        paths.map(async (path) => (await fetch(`http://127.0.0.1:${adminPort}${path}`)).text()),
      );
      const inspector = new Console();
      const check = await inspector.type('relay', 'check', '--config', file);
      const json = await inspector.type('relay', 'check', '--json', '--config', file);
      const running = [...user.stdout, ...user.stderr];
      user.interruption.abort();
      const { stdout, stderr } = await ended;
      return [...told, ...running, check, json, stdout, stderr]
        .map((part) => JSON.stringify(part))
        .join('\n');
    },
  };
}

function agent({ port }: Relay, token: string, name = 'figma') {
  return openAgentLink({
    relayUrl: new URL(`http://127.0.0.1:${port}`),
    publicHosts: ['a.test'],
    name,
    token: new Secret(token),
    accept: sayWho,
    signal: new AbortController().signal,
    clock: systemClock,
    log: quiet,
  });
}

/** As visitors do who put their access token wherever one can be put. */
async function visit({ port }: Relay, host: string): Promise<void> {
  const headers = {
    host,
    authorization: `Bearer ${MARK}-bearer`,
    'x-api-key': `${MARK}-key`,
    cookie: `session=${MARK}-cookie`,
  };
  for (const path of [`/t/${MARK}-path/mcp?token=${MARK}-query`, `/mcp?key=${MARK}#${MARK}`, `/${MARK}`]) {
    const request = http.get({ host: '127.0.0.1', port, path, headers, agent: false });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.resume();
    await once(response, 'end');
  }
}

it('a relay with tokens says none of them, whatever happens to it', async () => {
  const relay = await startRelay(`staticToken: ["${MARK}-agent:figma", "${MARK}-other:other"]`);
  const link = await agent(relay, `${MARK}-agent`);
  await expect(agent(relay, `${MARK}-guess`)).rejects.toMatchObject({ code: 'CREDENTIAL_REJECTED' });
  await expect(agent(relay, `${MARK}-other`, 'figma-2')).resolves.toBeDefined();
  await visit(relay, 'figma.a.test');
  await visit(relay, 'nobody.a.test');
  await visit(relay, 'elsewhere.test');
  relay.write(`staticToken: ["${MARK}-without-names"]`);
  relay.user.hangup?.();
  await relay.says('configuration not read again');
  relay.write(`staticToken: ["${MARK}-other:other"]`);
  relay.user.hangup?.();
  await relay.says('settings read again');
  await link.closed;
  const said = await relay.everything();
  expect(said).toContain('tunneld_relay_requests_total');
  // The path of a tunnel's request is logged: it is the visitor's, and no secret unless tunneld made it one.
  expect(said.replaceAll(`"path":"/${MARK}"`, '').replaceAll(`\\"path\\":\\"/${MARK}\\"`, '')).not.toContain(
    MARK,
  );
});

it('a relay with an auth provider says neither its secret nor what the provider repeats', async () => {
  const provider = http.createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => {
      const { token } = JSON.parse(text) as { token: string };
      response.writeHead(403).end(JSON.stringify({ error: `the token ${token} is spent` }));
    });
  });
  provider.listen(0, '127.0.0.1');
  await once(provider, 'listening');
  onTestFinished(() => void provider.close());
  const { port } = provider.address() as AddressInfo;
  const relay = await startRelay(
    `authUrl: http://user:${MARK}-password@127.0.0.1:${port}`,
    `authSecret: ${MARK}-secret`,
  );
  await expect(agent(relay, `${MARK}-agent`)).rejects.toMatchObject({ code: 'CREDENTIAL_REJECTED' });
  await relay.says('link not registered');
  const said = await relay.everything();
  expect(said).toContain('is spent');
  expect(said).not.toContain(MARK);
});
