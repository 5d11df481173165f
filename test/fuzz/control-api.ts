import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROTOCOL_HEADER, ROUTES } from '../../src/control/routes.ts';
import { startControlServer } from '../../src/control/server.ts';
import { FakeDaemon } from '../control/fake-daemon.ts';
import { quiet } from '../helpers/quiet.ts';
import { pick, type Random, spoiled } from './random.ts';
import type { Target } from './target.ts';

/** Whatever is said on the control socket: an answer that is no failure of ours, and it goes on serving. */
export const controlApi: Target = {
  name: 'the control API',
  perThousand: 10,
  async run(random) {
    serving ??= await start();
    const wire = spoiled(random, request(random), 4);
    const answer = await say(serving.socket, wire);
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
    if (status === 500) throw new Error(`${JSON.stringify(wire.toString('latin1'))} is answered ${answer}`);
    const info = await say(
      serving.socket,
      Buffer.from('GET /info HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n'),
    );
    if (!info.startsWith('HTTP/1.1 200')) throw new Error(`it serves no more: ${info}`);
  },
  async close() {
    await serving?.close();
    serving = undefined;
  },
};

let serving: { readonly socket: string; close(): Promise<void> } | undefined;

async function start() {
  const folder = mkdtempSync(join(tmpdir(), 'tunneld-fuzz-'));
  const socket = join(folder, 's.sock');
  const server = await startControlServer({ socket, api: new FakeDaemon(), version: '9.9.9', log: quiet });
  return {
    socket,
    async close() {
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function request(random: Random): Buffer {
  const { method, path } = pick(
    random,
    Object.values(ROUTES).filter(({ path }) => !path.includes('events')),
  );
  const name = pick(random, ['figma', '__proto__', '..', '%00', '%ff', 'x'.repeat(300)]);
  const body = pick(random, [
    '',
    '{}',
    '{"spec":{"port":1}}',
    '{"graceMs":-1}',
    '{"set":{"__proto__":1}}',
    '[]',
    '{',
    '\ud800',
  ]);
  const type = pick(random, ['application/json', 'text/plain', 'application/json; charset=x']);
  const head = `${method} ${path.replace(':name', name)} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n${PROTOCOL_HEADER}: ${pick(random, ['1', '2', '', 'x'])}\r\n`;
  const framing =
    body === '' ? '' : `Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  return Buffer.from(`${head}${framing}\r\n${body}`);
}

function say(path: string, wire: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = net.connect({ path });
    // What is not complete is waited for by the server, and not by us.
    socket.setTimeout(200, () => socket.destroy());
    socket.on('data', (bytes) => {
      answer += bytes.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
    socket.end(wire);
  });
}
