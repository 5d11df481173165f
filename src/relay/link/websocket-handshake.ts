import { createHash, randomBytes } from 'node:crypto';
import { RELAY_HEADER } from '../../core/markers.ts';

/** Reserved path of the relay's port: no tunnel name starts with an underscore. */
export const LINK_PATH = '/_tunneld/link';
/** Offered and echoed as WebSocket subprotocol. */
const SUBPROTOCOL = 'tunneld.1';
/** RFC 6455 §1.3 */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A fresh `Sec-WebSocket-Key`. */
export function createKey(): string {
  return randomBytes(16).toString('base64');
}

/** Where on a relay an agent registers. */
export interface LinkEndpoint {
  readonly path: string;
  readonly subprotocol?: string;
}

export const LINK_ENDPOINT: LinkEndpoint = { path: LINK_PATH, subprotocol: SUBPROTOCOL };

export function upgradeRequest(relayUrl: URL, key: string, endpoint = LINK_ENDPOINT): string {
  const base = relayUrl.pathname.replace(/\/+$/, '');
  const { path, subprotocol } = endpoint;
  const protocol = subprotocol === undefined ? '' : `Sec-WebSocket-Protocol: ${subprotocol}\r\n`;
  return (
    `GET ${base}${path} HTTP/1.1\r\nHost: ${relayUrl.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${protocol}\r\n`
  );
}

/**
 * The server's half: the whole 101 answer, or why the request is not a WebSocket handshake.
 *
 * @param get looks up a request header by its lower-case name
 */
export function acceptUpgrade(
  get: (name: string) => string | undefined,
): { readonly answer: string } | { readonly refusal: string } {
  if (get('upgrade')?.toLowerCase() !== 'websocket') return { refusal: 'Upgrade is not websocket' };
  if (get('sec-websocket-version') !== '13') return { refusal: 'Sec-WebSocket-Version is not 13' };
  const key = get('sec-websocket-key') ?? '';
  if (!/^[A-Za-z0-9+/]{22}==$/.test(key)) return { refusal: 'Sec-WebSocket-Key is not 16 bytes in base64' };
  const offered = (get('sec-websocket-protocol') ?? '').split(',').map((item) => item.trim());
  const protocol = offered.includes(SUBPROTOCOL) ? `Sec-WebSocket-Protocol: ${SUBPROTOCOL}\r\n` : '';
  return {
    answer:
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      // The marker tells an agent that whatever it speaks, its own protocol is understood too.
      `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n${RELAY_HEADER}: link\r\n${protocol}\r\n`,
  };
}

/** What the client makes of the answer's head. */
export interface UpgradeAnswer {
  /** 0: not HTTP. */
  readonly status: number;
  /** Why the handshake failed; absent when it succeeded. */
  readonly refusal?: string;
  /** A tunneld relay says so of itself. */
  readonly ours: boolean;
}

export function checkUpgradeAnswer(headText: string, key: string): UpgradeAnswer {
  const [startLine = '', ...lines] = headText.split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})(?: |$)/.exec(startLine)?.[1]);
  if (!Number.isInteger(status)) return { status: 0, ours: false, refusal: 'the answer is not HTTP/1.1' };
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const ours = headers.has(RELAY_HEADER);
  const refusal = status === 101 ? brokenUpgrade(headers, key) : otherAnswer(status, headers);
  return refusal === undefined ? { status, ours } : { status, ours, refusal };
}

/** In words that tell a login page of a network or a wrong address from a relay. */
function otherAnswer(status: number, headers: ReadonlyMap<string, string>): string {
  const location = headers.get('location') ?? '';
  if (status >= 300 && status < 400 && location !== '')
    return `it answered ${status}, redirecting to ${shown(location)}`;
  const page = /^text\/html\b/i.test(headers.get('content-type') ?? '');
  return page ? `it answered ${status} with a web page` : `it answered ${status}`;
}

/** A query may hold secrets. */
function shown(location: string): string {
  return location
    .replace(/[?#].*$/, '')
    .replaceAll(/[^\x21-\x7e]/g, '?')
    .slice(0, 120);
}

function brokenUpgrade(headers: ReadonlyMap<string, string>, key: string): string | undefined {
  if (headers.get('upgrade')?.toLowerCase() !== 'websocket') return 'the upgrade is not to websocket';
  if (headers.get('sec-websocket-accept') !== acceptKey(key)) return 'Sec-WebSocket-Accept does not match';
  // Nothing we did not offer may be in force: an extension would change every frame.
  return headers.has('sec-websocket-extensions') ? 'it chose an extension' : undefined;
}

function acceptKey(key: string): string {
  return createHash('sha1')
    .update(key + ACCEPT_GUID)
    .digest('base64');
}
