import { createHash, randomBytes } from 'node:crypto';

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

export function upgradeRequest(relayUrl: URL, key: string): string {
  const base = relayUrl.pathname.replace(/\/+$/, '');
  return (
    `GET ${base}${LINK_PATH} HTTP/1.1\r\nHost: ${relayUrl.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: ${SUBPROTOCOL}\r\n\r\n`
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
      `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n${protocol}\r\n`,
  };
}

/** What the client makes of the answer's head: undefined when the handshake succeeded, else why not. */
export function checkUpgradeAnswer(headText: string, key: string): { status: number; refusal?: string } {
  const [startLine = '', ...lines] = headText.split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})(?: |$)/.exec(startLine)?.[1]);
  if (!Number.isInteger(status)) return { status: 0, refusal: 'the answer is not HTTP/1.1' };
  if (status !== 101) return { status, refusal: `it answered ${status}` };
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  if (headers.get('upgrade')?.toLowerCase() !== 'websocket') {
    return { status, refusal: 'the upgrade is not to websocket' };
  }
  if (headers.get('sec-websocket-accept') !== acceptKey(key)) {
    return { status, refusal: 'Sec-WebSocket-Accept does not match' };
  }
  // Nothing we did not offer may be in force: an extension would change every frame.
  if (headers.has('sec-websocket-extensions')) return { status, refusal: 'it chose an extension' };
  return { status };
}

function acceptKey(key: string): string {
  return createHash('sha1')
    .update(key + ACCEPT_GUID)
    .digest('base64');
}
