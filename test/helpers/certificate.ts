import {
  generateKeyPairSync,
  type KeyObject,
  type KeyPairKeyObjectResult,
  randomBytes,
  sign,
} from 'node:crypto';

export interface Certificate {
  /** PEM. */
  readonly key: string;
  /** PEM, self-signed for `localhost` and 127.0.0.1, valid for ten years. */
  readonly cert: string;
}

export interface Authority {
  /** PEM. It signs, and serves nothing itself. */
  readonly cert: string;
  /** A certificate for `localhost` and 127.0.0.1 that is trusted where the authority is. */
  issue(): Certificate;
}

/** Unix milliseconds; a certificate knows seconds. */
export interface Validity {
  readonly from: number;
  readonly to: number;
}

const TEN_YEARS: Validity = { from: Date.UTC(2026, 0, 1), to: Date.UTC(2036, 0, 1) };

/**
 * Makes a certificate on the spot: no key belongs in a repository, and Node cannot make one itself.
 *
 * @param names DNS names it is for, besides 127.0.0.1
 */
export function makeCertificate(
  names: readonly string[] = ['localhost'],
  validity: Validity = TEN_YEARS,
): Certificate {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const roles = { issuer: 'localhost', subject: 'localhost', signer: pair.privateKey };
  return certify(pair, roles, subjectAltName(names), validity);
}

export function makeAuthority(): Authority {
  const name = 'tunneld test authority';
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const roles = { issuer: name, subject: name, signer: pair.privateKey };
  return {
    cert: certify(pair, roles, MAY_SIGN).cert,
    issue: () =>
      certify(
        generateKeyPairSync('ec', { namedCurve: 'P-256' }),
        { ...roles, subject: 'localhost' },
        subjectAltName(['localhost']),
      ),
  };
}

interface Roles {
  readonly issuer: string;
  readonly subject: string;
  readonly signer: KeyObject;
}

function certify(
  { publicKey, privateKey }: KeyPairKeyObjectResult,
  roles: Roles,
  extension: Buffer,
  valid: Validity = TEN_YEARS,
): Certificate {
  const algorithm = sequence(oid('2a8648ce3d040302')); // ecdsa-with-SHA256
  const validity = sequence(utcTime(valid.from), utcTime(valid.to));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))), // version 3
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])), // serial number
    algorithm,
    commonName(roles.issuer),
    validity,
    commonName(roles.subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(extension)),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign('sha256', body, roles.signer)]);
  const certificate = sequence(body, algorithm, der(0x03, signature));
  const lines = certificate.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  };
}

function commonName(text: string): Buffer {
  return sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(text)))));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

/** `YYMMDDHHMMSSZ`. */
function utcTime(at: number): Buffer {
  const digits = new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return der(0x17, Buffer.from(digits.slice(2)));
}

/** With 127.0.0.1. */
function subjectAltName(names: readonly string[]): Buffer {
  const entries = names.map((name) => der(0x82, Buffer.from(name)));
  const list = sequence(...entries, der(0x87, Buffer.from([127, 0, 0, 1])));
  return sequence(oid('551d11'), der(0x04, list));
}

/** Tag, length (short form, or long form up to 65,535) and content. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

/** basicConstraints, critical: a certificate authority. */
const MAY_SIGN = sequence(
  oid('551d13'),
  der(0x01, Buffer.from([0xff])),
  der(0x04, sequence(der(0x01, Buffer.from([0xff])))),
);
