import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { TunneldError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { RelayProvider } from '../../../src/providers/relay/relay-provider.ts';
import { type Certificate, makeAuthority, makeCertificate } from '../../helpers/certificate.ts';
import { quiet } from '../../helpers/quiet.ts';
import { thrownBy } from '../../helpers/thrown.ts';

/** A server that says `answer` to whatever asks; over TLS with a certificate. @returns its port */
async function listen(answer: string, certificate?: Certificate): Promise<number> {
  const sockets = new Set<Socket>();
  const serve = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => socket.end(answer));
  };
  const server = certificate === undefined ? createServer(serve) : createTlsServer(certificate, serve);
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function failureAt(url: string): Promise<TunneldError> {
  const provider = new RelayProvider({
    relayUrl: () => new URL(url),
    token: new Secret('s3cret'),
    clock: systemClock,
  });
  const request = { way: 'in-process', name: 'figma', accept: () => {} } as const;
  return await thrownBy(() => provider.open(request, { signal: new AbortController().signal, log: quiet }));
}

describe('a relay whose certificate is not accepted', () => {
  const day = 86_400_000;

  it.each([
    [
      'expired',
      makeCertificate(['localhost'], { from: Date.now() - 2 * day, to: Date.now() - day }),
      /has expired/,
      /renew it; check the clock/,
    ],
    [
      'from tomorrow',
      makeCertificate(['localhost'], { from: Date.now() + day, to: Date.now() + 2 * day }),
      /is not valid yet/,
      /clock of this machine/,
    ],
    [
      'of an authority of its own',
      makeAuthority().issue(),
      /of no authority that this machine trusts/,
      /NODE_EXTRA_CA_CERTS=\/path\/to\/ca\.pem tunneld daemon start/,
    ],
  ])('because it is %s is named, with what helps', async (_what, certificate, message, remedy) => {
    const port = await listen('', certificate);
    const failure = await failureAt(`https://localhost:${port}`);
    expect(failure).toMatchObject({ code: 'RELAY_CERTIFICATE', retryable: true });
    expect(failure.message).toMatch(message);
    expect(failure.remedy).toMatch(remedy);
  });
});

describe('an address where no relay is', () => {
  const page = (status: string, headers = '') =>
    `HTTP/1.1 ${status}\r\nContent-Type: text/html\r\n${headers}Content-Length: 0\r\n\r\n`;

  it.each([
    ['a login page', page('200 OK'), 'it answered 200 with a web page'],
    [
      'a redirect to one',
      page('302 Found', 'Location: http://login.example/?mac=aa:bb\r\n'),
      'it answered 302, redirecting to http://login.example/ ',
    ],
    ['another web server', 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n', 'it answered 404'],
    ['something else altogether', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 'the answer is not HTTP/1.1'],
  ])('but %s is said to be that', async (_what, answer, said) => {
    const failure = await failureAt(`http://127.0.0.1:${await listen(answer)}`);
    expect(failure.code).toBe('NOT_A_RELAY');
    expect(`${failure.message} `.replaceAll(/[;)]/g, ' ')).toContain(said);
    expect(failure.message).not.toContain('mac=');
    expect(failure.remedy).not.toContain('version');
  });

  it('is tried again: the page goes away once somebody logged in', async () => {
    expect((await failureAt(`http://127.0.0.1:${await listen(page('200 OK'))}`)).retryable).toBe(true);
  });

  it('because it speaks no TLS is told from one that is off', async () => {
    const port = await listen('HTTP/1.1 400 Bad Request\r\n\r\n');
    const failure = await failureAt(`https://localhost:${port}`);
    expect(failure.message).toContain('speaks no TLS');
    expect(failure.remedy).toContain('port');
  });

  it('because its name does not resolve is told from one that is off', async () => {
    const failure = await failureAt('http://relay.tunneld.invalid:8080');
    expect(failure).toMatchObject({ code: 'RELAY_UNREACHABLE' });
    expect(failure.message).toContain('does not resolve');
  });
});
