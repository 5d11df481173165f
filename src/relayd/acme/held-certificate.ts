import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';

/** A certificate with its key, ready for handshakes. */
export interface HeldCertificate {
  readonly context: SecureContext;
  /** Unix milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/**
 * Reads a key and its chain from one text in PEM, and checks that they belong together and to `host`.
 *
 * @throws {Error} they do not
 */
export function holdCertificate(pem: string, host: string): HeldCertificate {
  const leaf = new X509Certificate(pem);
  if (leaf.checkHost(host) === undefined) throw new Error(`the certificate is not for ${host}`);
  return {
    // Refuses the key of another certificate.
    context: createSecureContext({ cert: pem, key: pem, minVersion: 'TLSv1.2' }),
    notBefore: Date.parse(leaf.validFrom),
    notAfter: Date.parse(leaf.validTo),
  };
}
