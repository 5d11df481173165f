import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect, it } from 'vitest';
import { makeCertificate } from '../helpers/certificate.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { startTestRelay } from './harness.ts';

it('a certificate that was renewed is used for the next connection, a broken one is not', async () => {
  const folder = tempFolder();
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  const write = ({ cert, key }: { cert: string; key: string }) => {
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key);
  };
  write(makeCertificate());
  const relay = await startTestRelay({ tls: files });
  const first = await fingerprint(relay.port);
  writeFileSync(files.cert, 'half of a certificate');
  await expect
    .poll(() => relay.logged().some(({ msg }) => msg === 'certificate not read again'), { timeout: 8_000 })
    .toBe(true);
  expect(await fingerprint(relay.port)).toBe(first);
  write(makeCertificate());
  await expect.poll(() => fingerprint(relay.port), { timeout: 8_000 }).not.toBe(first);
}, 20_000);

function fingerprint(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
