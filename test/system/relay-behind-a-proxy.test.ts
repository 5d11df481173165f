import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeCertificate } from '../helpers/certificate.ts';
import { freePort } from '../helpers/free-port.ts';
import { guideBlock, guideCommand, startCaddy, startHaproxy, startNginx } from '../helpers/front-proxy.ts';
import { describeWithPrograms, type RunningProgram } from '../helpers/installed-program.ts';
import { type StreamingUpstream, startStreamingUpstream } from '../helpers/streaming-upstream.ts';
import { Tunneld } from '../helpers/tunneld.ts';
import { waitFor } from '../helpers/wait-for.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const NAMES = new URL('../helpers/programs/loopback-names.mjs', import.meta.url).href;
/** Another one than the proxy's. */
const VISITOR = '127.0.0.9';
const DOMAIN = 'tunnel.localhost';
/** Over the pings of links (5 s), and over the comments on event streams as the tunnel here has them. */
const PROXY_TIMEOUT_MS = 8_000;

interface Front {
  readonly program: string;
  readonly http2: boolean;
  /** What comes of a call that is silent for longer than the proxy waits. */
  readonly silence: 'answered with 504' | 'cut' | 'endured';
  start(files: Files): Promise<RunningProgram>;
}

interface Files {
  readonly folder: string;
  readonly port: number;
  readonly relayPort: number;
  readonly cert: string;
  readonly key: string;
}

const FRONTS: readonly Front[] = [
  {
    program: 'nginx',
    http2: true,
    silence: 'answered with 504',
    start: ({ folder, port, relayPort, cert, key }) =>
      startNginx({
        folder,
        port,
        config: guideBlock('nginx', {
          'listen 443': `listen 127.0.0.1:${port}`,
          '/etc/ssl/tunnel.example.com.pem': cert,
          '/etc/ssl/tunnel.example.com.key': key,
          'tunnel.example.com': DOMAIN,
          '127.0.0.1:8080': `127.0.0.1:${relayPort}`,
          '310s': `${PROXY_TIMEOUT_MS}ms`,
        }),
      }),
  },
  {
    program: 'caddy',
    http2: true,
    silence: 'endured',
    start: ({ folder, port, relayPort, cert, key }) =>
      startCaddy({
        folder,
        port,
        config: guideBlock('caddyfile', {
          '/etc/ssl/tunnel.example.com.pem': cert,
          '/etc/ssl/tunnel.example.com.key': key,
          'tunnel.example.com, *.tunnel.example.com': `${DOMAIN}:${port}, *.${DOMAIN}:${port}`,
          '127.0.0.1:8080': `127.0.0.1:${relayPort}`,
        }),
      }),
  },
  {
    program: 'haproxy',
    http2: false,
    silence: 'cut',
    start: ({ folder, port, relayPort }) =>
      startHaproxy({
        folder,
        port,
        config: guideBlock('haproxy', {
          'bind :443': `bind 127.0.0.1:${port}`,
          '127.0.0.1:8443': `127.0.0.1:${relayPort}`,
          '310s': `${PROXY_TIMEOUT_MS}ms`,
        }),
      }),
  },
];

for (const front of FRONTS) {
  describeWithPrograms(`a relay behind ${front.program}, set up as the guide says`, [front.program], () => {
    let home: Tunneld;
    let upstream: StreamingUpstream;
    let relay: ChildProcess;
    let relayLog = '';
    let proxy: RunningProgram;
    let port: number;
    let cert: string;
    let token: string;

    beforeAll(async () => {
      upstream = await startStreamingUpstream();
      home = await Tunneld.create();
      const [relayPort, proxyPort] = [await freePort(), await freePort()];
      port = proxyPort;
      const made = makeCertificate([DOMAIN, `*.${DOMAIN}`]);
      cert = made.cert;
      const file = (name: string) => join(home.folder, name);
      writeFileSync(file('cert.pem'), made.cert);
      writeFileSync(file('key.pem'), made.key);
      const line = (await home.spawn(['relay-token', 'new', 'ops', 'alice-*'])).stdout.trim();
      writeFileSync(file('tokens'), line, { mode: 0o600 });
      writeFileSync(file('token'), line.split(':')[0] ?? '', { mode: 0o600 });

      const words = guideCommand(front.program === 'haproxy' ? 1 : 0).map((word) =>
        word
          .replace('/etc/ssl/tunnel.example.com.pem', file('cert.pem'))
          .replace('/etc/ssl/tunnel.example.com.key', file('key.pem'))
          .replace('tunnel.example.com', DOMAIN)
          .replace(/^8080$|^8443$/, String(relayPort))
          .replace('/etc/tunneld/tokens', file('tokens')),
      );
      const ours = ['--public-url', `https://${DOMAIN}:${port}`, '--admin-port', '0'];
      relay = spawn(process.execPath, [MAIN, ...words, ...ours], {
        env: home.env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      relay.stdout?.setEncoding('utf8').on('data', (text: string) => {
        relayLog += text;
      });
      await waitFor(() => relayLog.includes('relay started'), { timeoutMs: 20_000, what: 'the relay' });
      mkdirSync(file('proxy'));
      proxy = await front.start({
        folder: file('proxy'),
        port,
        relayPort,
        cert: file('cert.pem'),
        key: file('key.pem'),
      });

      Object.assign(home.env, {
        NODE_EXTRA_CA_CERTS: file('cert.pem'),
        NODE_OPTIONS: `--import=${NAMES}`,
      });
      const spec = (name: string, keepAlive: string) => `
  ${name}:
    port: ${upstream.port}
    sseKeepAlive: ${keepAlive}
    relay: { url: 'https://${DOMAIN}:${port}', token: 'file:${file('token')}', name: alice-${name} }
    health: { schedule: '0 0 0 1 1 *' }`;
      await home.writeConfig(`tunnels:${spec('busy', '2s')}${spec('idle', 'off')}\n`);
      await home.ok('up', '--wait=20s');
      token = (await home.access('busy')).token;
    });

    afterAll(async () => {
      await home?.[Symbol.asyncDispose]();
      await proxy?.stop();
      relay?.kill('SIGKILL');
      await upstream?.close();
    });

    const ask = (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
      httpsRequest({
        host: '127.0.0.1',
        localAddress: VISITOR,
        port,
        path,
        method,
        ca: cert,
        servername: `alice-busy.${DOMAIN}`,
        headers: { host: `alice-busy.${DOMAIN}:${port}`, 'x-api-key': token, ...headers },
        agent: false,
      });

    it('has the tunnels at their own names, and calls work', async () => {
      const access = await home.access('busy');
      expect(access.url.href).toBe(`https://alice-busy.${DOMAIN}:${port}/mcp`);
      const call = ask(
        '/mcp',
        { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
        'POST',
      );
      call.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'greet' } }));
      const { status, text } = await answerTo(call);
      expect(status).toBe(200);
      expect(text).toContain('hello');
    });

    it('knows no other names', async () => {
      const ofNobody = ask('/mcp', { host: `nobody.${DOMAIN}:${port}` });
      ofNobody.end();
      // In the first minute of a relay a tunnel of that name might be on its way back.
      expect([404, 503]).toContain((await answerTo(ofNobody)).status);
      const reserved = ask('/mcp', { host: `admin.${DOMAIN}:${port}` });
      reserved.end();
      expect((await answerTo(reserved)).status).toBe(404);
    });

    // HAProxy passes TLS through, and the relay speaks HTTP/1.1.
    if (front.http2) {
      it('serves visitors that speak HTTP/2', async () => {
        const servername = `alice-busy.${DOMAIN}`;
        const session = connectHttp2(`https://${servername}:${port}`, {
          createConnection: () =>
            connectTls({ host: '127.0.0.1', port, servername, ca: cert, ALPNProtocols: ['h2'] }),
        });
        const stream = session.request({ ':path': '/headers', 'x-api-key': token });
        const [head] = await once(stream, 'response');
        let text = '';
        for await (const chunk of stream) text += String(chunk);
        session.destroy();
        expect(head).toMatchObject({ ':status': 200 });
        expect(JSON.parse(text)).toMatchObject({ 'x-forwarded-host': `${servername}:${port}` });
      });
    }

    it('tells the server who the visitor is, and believes no visitor about it', async () => {
      const visit = ask('/headers', { 'x-forwarded-for': '6.6.6.6' });
      visit.end();
      const seen = JSON.parse((await answerTo(visit)).text) as Record<string, string>;
      expect(seen['x-forwarded-for']).toBe(VISITOR);
      expect(seen['x-forwarded-proto']).toBe('https');
    });

    it('lets each event through before the next one is sent', async () => {
      const { stream, read } = await openEvents();
      for (const word of ['one', 'two', 'three']) {
        const sentAt = performance.now();
        stream.write(`data: ${word}\n\n`);
        await waitFor(() => read().includes(`data: ${word}\n`), { what: `the event ${word}` });
        expect(performance.now() - sentAt).toBeLessThan(2_000);
      }
      stream.end();
    });

    it('lets other answers through while they go on', async () => {
      const visit = ask('/download');
      visit.end();
      const [answer] = (await once(visit, 'response')) as [IncomingMessage];
      upstream.downloads[0]?.write('the first part');
      const [first] = await once(answer, 'data');
      expect(String(first)).toBe('the first part');
      upstream.downloads[0]?.end('the second one');
      answer.resume();
    });

    it('lets an upload through before it is complete', async () => {
      const upload = ask('/upload', { 'content-length': '200000' }, 'POST');
      upload.write(Buffer.alloc(100_000));
      await waitFor(() => upstream.uploaded() === 100_000, { what: 'the first half' });
      upload.end(Buffer.alloc(100_000));
      expect((await answerTo(upload)).text).toBe('200000');
    });

    it('passes WebSockets', async () => {
      const handshake = ask('/socket', { connection: 'Upgrade', upgrade: 'websocket' });
      handshake.end();
      const [answer, socket] = await once(handshake, 'upgrade');
      expect(answer.statusCode).toBe(101);
      socket.write('there and back');
      const [echoed] = await once(socket, 'data');
      expect(String(echoed)).toBe('there and back');
      socket.destroy();
    });

    it('keeps links and event streams that are idle for longer than the proxy waits', async () => {
      const { stream, read } = await openEvents();
      const since = performance.now();
      const silent = ask('/silent');
      const outcome = answerTo(silent).then(
        ({ status }) => `answered with ${status}`,
        () => 'cut',
      );
      silent.end();
      // The timeout is in force: what is really silent ends with it.
      if (front.silence !== 'endured') expect(await outcome).toBe(front.silence);
      await waitFor(() => performance.now() - since > PROXY_TIMEOUT_MS * 1.3, { timeoutMs: 20_000 });
      silent.destroy();
      await outcome;
      stream.write('data: still here\n\n');
      await waitFor(() => read().includes('data: still here\n'));
      stream.end();
      const links = relayLog.split('\n').filter((line) => line.includes('"link registered"'));
      expect(links.map((line) => JSON.parse(line).name).sort()).toEqual(['alice-busy', 'alice-idle']);
      expect(relayLog).not.toContain('link ended');
    });

    async function openEvents() {
      const { length } = upstream.events;
      const visit = ask('/events');
      visit.end();
      const [answer] = (await once(visit, 'response')) as [IncomingMessage];
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      const stream = upstream.events[length];
      if (stream === undefined) throw new Error('the stream did not reach the server');
      return { stream, read: () => text };
    }
  });
}

async function answerTo(request: ClientRequest): Promise<{ status: number | undefined; text: string }> {
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return { status: answer.statusCode, text };
}
