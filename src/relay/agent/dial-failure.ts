import { TunneldError } from '../../core/errors.ts';

/** Why no connection to a relay came about, in our words: a certificate is no matter of reachability. */
export function dialFailure(relayUrl: URL, cause: NodeJS.ErrnoException): TunneldError {
  const { code = '', message } = cause;
  const certificate = CERTIFICATE_FAULTS.find(({ codes }) => codes.includes(code));
  if (certificate !== undefined) {
    const { what, remedy } = certificate;
    const detail = code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? `: ${message.replace(/^.*altnames: /, '')}` : '';
    const text = `The certificate of the relay ${relayUrl.host} ${what} (${code})${detail}`;
    return new TunneldError('RELAY_CERTIFICATE', text, { cause, remedy });
  }
  const other = OTHER_FAULTS.find(({ codes }) => codes.includes(code));
  const text = `No connection to the relay ${relayUrl.host}: ${other?.what ?? (code === '' ? message : code)}`;
  return new TunneldError('RELAY_UNREACHABLE', text, {
    cause,
    ...(other === undefined ? {} : { remedy: other.remedy }),
  });
}

interface Fault {
  readonly codes: readonly string[];
  readonly what: string;
  readonly remedy: string;
}

/** Codes of OpenSSL's verification as Node names them. */
const CERTIFICATE_FAULTS: readonly Fault[] = [
  {
    codes: ['CERT_HAS_EXPIRED'],
    what: 'has expired',
    remedy:
      'Whoever runs the relay has to renew it; check the clock of this machine as well. tunneld keeps trying.',
  },
  {
    codes: ['CERT_NOT_YET_VALID'],
    what: 'is not valid yet',
    remedy: 'Check the clock of this machine, then that of the relay. tunneld keeps trying.',
  },
  {
    codes: [
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_GET_ISSUER_CERT',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'CERT_UNTRUSTED',
      'INVALID_CA',
    ],
    what: 'is of no authority that this machine trusts',
    remedy:
      'If the authority is your own, name its certificate to the daemon: `tunneld daemon stop`, then `NODE_EXTRA_CA_CERTS=/path/to/ca.pem tunneld daemon start`.',
  },
  {
    codes: ['ERR_TLS_CERT_ALTNAME_INVALID', 'HOSTNAME_MISMATCH'],
    what: 'is for another name',
    remedy: 'Use the address that the certificate is for, or have the operator add this one to it.',
  },
  {
    codes: [
      'CERT_REVOKED',
      'CERT_REJECTED',
      'CERT_SIGNATURE_FAILURE',
      'CERT_CHAIN_TOO_LONG',
      'INVALID_PURPOSE',
    ],
    what: 'is not accepted',
    remedy: 'Whoever runs the relay has to replace it. tunneld keeps trying.',
  },
];

const OTHER_FAULTS: readonly Fault[] = [
  {
    codes: ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO'],
    what: 'what answers there speaks no TLS',
    remedy: 'Check the port in the address of the relay, and whether it is meant to be http:.',
  },
  {
    codes: ['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_NONAME', 'ESERVFAIL', 'ETIMEOUT'],
    what: 'its name does not resolve',
    remedy: 'Check the name servers of this machine, and the address of the relay; tunneld keeps trying.',
  },
  {
    codes: ['EMFILE', 'ENFILE'],
    what: 'this machine has no file descriptors left',
    remedy: 'Raise the limit of open files (`ulimit -n`) of the daemon, then restart it.',
  },
];
