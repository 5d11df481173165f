import { X509Certificate } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect, createSecureContext } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Http1Server } from '../../src/http1/server.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { quiet } from '../helpers/quiet.ts';

const own = makeCertificate(['figma.tunnel.test']);
const proof = makeCertificate(['figma.tunnel.test']);

async function start(pending = true) {
  const server = new Http1Server({
    handler: (exchange) => exchange.abort('unexpected'),
    peerOf: () => ({ address: '', scheme: 'https', host: '', via: 'local' }),
    tls: own,
    tlsChallenges: {
      pending,
      contextFor: (host) => (host === 'figma.tunnel.test' ? createSecureContext(proof) : undefined),
    },
    limits: { headTimeoutMs: 1_000 },
    clock: systemClock,
    log: quiet,
  });
  onTestFinished(() => server.close());
  return (await server.listen({ host: '127.0.0.1', port: 0 })).port;
}

/** What is shown, and which protocol was agreed on. */
function shown(
  port: number,
  {
    servername = 'figma.tunnel.test',
    protocols = [] as string[],
    wire = connectTcp(port, '127.0.0.1') as Duplex,
  } = {},
): Promise<readonly [string, string | false | null]> {
  return new Promise((resolve, reject) => {
    const options = { socket: wire, servername, rejectUnauthorized: false };
    const socket = connect(protocols.length > 0 ? { ...options, ALPNProtocols: protocols } : options, () => {
      resolve([socket.getPeerCertificate().fingerprint256, socket.alpnProtocol]);
      socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed')));
  });
}

const fingerprint = (pem: string) => new X509Certificate(pem).fingerprint256;

it('an authority that asks sees the proof', async () => {
  const port = await start();
  expect(await shown(port, { protocols: ['acme-tls/1'] })).toEqual([fingerprint(proof.cert), 'acme-tls/1']);
});

it('visitors see the real certificate in the meantime', async () => {
  const port = await start();
  expect(await shown(port)).toEqual([fingerprint(own.cert), false]);
  expect((await shown(port, { protocols: ['http/1.1'] }))[0]).toBe(fingerprint(own.cert));
});

it('nobody sees a proof for a name that none is asked for', async () => {
  const port = await start();
  await expect(shown(port, { servername: 'other.tunnel.test', protocols: ['acme-tls/1'] })).rejects.toThrow();
});

it('nobody sees a proof while no authority was asked', async () => {
  const port = await start(false);
  expect((await shown(port, { protocols: ['acme-tls/1'] }))[0]).toBe(fingerprint(own.cert));
});

it('a greeting that arrives in pieces is understood', async () => {
  const port = await start();
  const wire = inPieces(connectTcp({ port, host: '127.0.0.1', noDelay: true }));
  expect((await shown(port, { protocols: ['acme-tls/1'], wire }))[0]).toBe(fingerprint(proof.cert));
});

it('a greeting that never comes is not waited for', async () => {
  const port = await start();
  const socket = connectTcp(port, '127.0.0.1');
  socket.write(Buffer.from([22, 3, 1, 2, 0]));
  await new Promise((resolve) => socket.on('close', resolve).resume());
  expect(socket.destroyed).toBe(true);
});

/** Writes some bytes a turn of the loop. */
function inPieces(socket: Socket): Duplex {
  const duplex = new Duplex({
    read: () => {},
    async write(chunk: Buffer, _encoding, done) {
      for (let at = 0; at < chunk.length; at += 50) {
        socket.write(chunk.subarray(at, at + 50));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      done();
    },
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (bytes) => duplex.push(bytes));
  socket.on('close', () => duplex.push(null));
  return duplex;
}
