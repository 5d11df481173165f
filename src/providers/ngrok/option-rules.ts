import { isIP } from 'node:net';
import { TunneldError } from '../../core/errors.ts';
import type { NgrokOptions } from './options.ts';
import './errors.ts';

/** ngrok's own limits: ERR_NGROK_100, and its documentation of `basic-auth`. */
const METADATA_MAX_BYTES = 4_096;
const PASSWORD_CHARS = { min: 8, max: 128 };
/** What a policy may hold (https://ngrok.com/docs/traffic-policy/). */
const PHASES = ['on_tcp_connect', 'on_http_request', 'on_http_response'];

/**
 * What ngrok would refuse anyway is said here, before anything is opened.
 *
 * @throws {TunneldError} `NGROK_OPTION_INVALID`
 */
export function assertNgrokOptions(options: NgrokOptions): void {
  const { authtoken, domain, metadata = '', server, allow, deny, basicAuth, trafficPolicy } = options;
  if (authtoken === undefined) {
    throw new TunneldError('NGROK_OPTION_INVALID', 'ngrok needs an authtoken', {
      remedy:
        'Copy it from https://dashboard.ngrok.com/get-started/your-authtoken into NGROK_AUTHTOKEN where the daemon is started, or point `ngrok.authtoken` to it.',
    });
  }
  if (domain !== undefined && !DOMAIN.test(domain)) {
    refuse(`ngrok.domain "${domain}" is not a host name such as example.ngrok.app`);
  }
  if (server !== undefined && !/^[A-Za-z0-9.:[\]-]+:\d{1,5}$/.test(server)) {
    refuse(`ngrok.server "${server}" is not of the form host:port`);
  }
  if (Buffer.byteLength(metadata) > METADATA_MAX_BYTES) {
    refuse(`ngrok.metadata is longer than ${METADATA_MAX_BYTES} bytes`);
  }
  for (const network of [...allow, ...deny]) {
    if (!isNetwork(network)) refuse(`"${network}" is not a network such as 203.0.113.0/24`);
  }
  for (const pair of basicAuth) assertPair(pair.reveal());
  for (const phase of Object.keys(trafficPolicy)) {
    if (!PHASES.includes(phase)) refuse(`ngrok.trafficPolicy.${phase} is none of ${PHASES.join(', ')}`);
  }
}

const DOMAIN = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/;

function isNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
}

/** The values stay unsaid: they are secrets. */
function assertPair(pair: string): void {
  const at = pair.indexOf(':');
  const length = pair.length - at - 1;
  if (at < 1) refuse('ngrok.basicAuth has an entry that is not of the form user:password');
  if (length < PASSWORD_CHARS.min || length > PASSWORD_CHARS.max) {
    refuse(`ngrok.basicAuth: a password has ${PASSWORD_CHARS.min} to ${PASSWORD_CHARS.max} characters`);
  }
}

function refuse(what: string): never {
  throw new TunneldError('NGROK_OPTION_INVALID', what);
}
