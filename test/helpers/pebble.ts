import { writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { axios } from 'acme-client';
import { onTestFinished } from 'vitest';
import { makeCertificate } from './certificate.ts';
import { freePort } from './free-port.ts';
import { runInstalled } from './installed-program.ts';
import { tempFolder } from './temp-folder.ts';

/** What describeWithPrograms is to ask for. */
export const PEBBLE_PROGRAMS = ['pebble', 'pebble-challtestsrv'];

/** A certificate authority of the test's own. Every name leads to this machine. */
export interface Pebble {
  /** Its ACME directory. */
  readonly directory: URL;
  /** Where it looks for http-01 and tls-alpn-01. */
  readonly httpPort: number;
  readonly tlsPort: number;
  /** What shows that it is the authority itself that answers (PEM). */
  readonly cert: string;
  /** What shows that a certificate is from it (PEM). */
  readonly root: string;
}

/** Starts Let's Encrypt's test authority; its own certificate is trusted by acme-client in this process. */
export async function startPebble(): Promise<Pebble> {
  const folder = tempFolder();
  const [httpPort, tlsPort, port, management, dns, dnsManagement] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const { cert, key } = makeCertificate();
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const config = {
    pebble: {
      listenAddress: `127.0.0.1:${port}`,
      managementListenAddress: `127.0.0.1:${management}`,
      certificate: file('cert.pem', cert),
      privateKey: file('key.pem', key),
      httpPort,
      tlsPort,
    },
  };
  const resolver = await runInstalled(
    'pebble-challtestsrv',
    [
      ...['-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${dnsManagement}`],
      ...['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv6', ''],
    ],
    (output) => /Starting management server/.test(output),
  );
  onTestFinished(() => resolver.stop());
  const pebble = await runInstalled(
    'pebble',
    ['-config', file('pebble.json', JSON.stringify(config)), '-dnsserver', `127.0.0.1:${dns}`],
    (output) => output.includes(`ACME directory available at`),
    { PEBBLE_VA_NOSLEEP: '1' },
  );
  onTestFinished(() => pebble.stop());
  const agent = new Agent({ ca: cert });
  axios.defaults.httpsAgent = agent;
  onTestFinished(() => agent.destroy());
  const root = await axios.get<string>(`https://localhost:${management}/roots/0`);
  return { directory: new URL(`https://localhost:${port}/dir`), httpPort, tlsPort, cert, root: root.data };
}
