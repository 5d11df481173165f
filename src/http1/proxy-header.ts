import { isIP, SocketAddress } from 'node:net';

/** What a load balancer wrote in front of a connection's bytes, as far as they have arrived. */
export type ProxyHeader =
  | { readonly complete: false }
  | {
      readonly complete: true;
      /** Bytes of the header; what follows is the connection's. */
      readonly length: number;
      /** Who is really calling; undefined when the proxy does not say, or speaks for itself. */
      readonly address: string | undefined;
    };

/** Longer ones are refused: 64 KiB would be allowed, and nothing that is of use needs more (bytes). */
const MAX_V2_BYTES = 4_096;
/** With its CRLF (bytes). */
const MAX_V1_BYTES = 107;
const V1_START = Buffer.from('PROXY ', 'latin1');
const V2_START = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_FIXED_BYTES = 16;

const INCOMPLETE: ProxyHeader = { complete: false };

/**
 * Reads a header of the PROXY protocol, version 1 or 2, from a connection's first bytes.
 *
 * @throws {RangeError} these are not the first bytes of one; the connection is not to be used
 * @see https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsAlike(bytes, V2_START)) return readBinary(bytes);
  if (startsAlike(bytes, V1_START)) return readText(bytes);
  throw new RangeError('not a PROXY header');
}

function startsAlike(bytes: Buffer, start: Buffer): boolean {
  const known = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, known, 0, known) === 0;
}

function readText(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, MAX_V1_BYTES).indexOf('\r\n');
  if (end < 0) {
    if (bytes.length >= MAX_V1_BYTES) throw new RangeError('a PROXY line without an end');
    return INCOMPLETE;
  }
  const length = end + 2;
  const [, family, source = '', target = '', ...ports] = bytes.toString('latin1', 0, end).split(' ');
  // What follows UNKNOWN means nothing.
  if (family === 'UNKNOWN') return { complete: true, length, address: undefined };
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : -1;
  const addressed = isIP(source) === version && isIP(target) === version;
  if (!addressed || ports.length !== 2 || !ports.every(isPort)) {
    throw new RangeError('a PROXY line without two addresses and two ports');
  }
  return { complete: true, length, address: canonical(source) };
}

function readBinary(bytes: Buffer): ProxyHeader {
  if (bytes.length < V2_FIXED_BYTES) return INCOMPLETE;
  const [versionAndCommand, familyAndKind] = [bytes.readUInt8(12), bytes.readUInt8(13)];
  const length = V2_FIXED_BYTES + bytes.readUInt16BE(14);
  if (versionAndCommand >> 4 !== 2 || (versionAndCommand & 15) > 1) {
    throw new RangeError('a PROXY header of an unknown version or command');
  }
  if (length > MAX_V2_BYTES) throw new RangeError('a PROXY header that is too long');
  if (bytes.length < length) return INCOMPLETE;
  // LOCAL: the proxy's own connection, such as a health check.
  if ((versionAndCommand & 15) === 0) return { complete: true, length, address: undefined };
  return {
    complete: true,
    length,
    address: binaryAddress(familyAndKind, bytes.subarray(V2_FIXED_BYTES, length)),
  };
}

/** What follows the addresses (TLVs) is skipped. */
function binaryAddress(familyAndKind: number, block: Buffer): string | undefined {
  switch (familyAndKind) {
    // Unspecified; a Unix socket, as a stream.
    case 0x00:
    case 0x31:
      return undefined;
    case 0x11:
      if (block.length < 12) break;
      return block.subarray(0, 4).join('.');
    case 0x21:
      if (block.length < 36) break;
      return canonical(block.toString('hex', 0, 16).replaceAll(/(.{4})(?=.)/g, '$1:'));
  }
  throw new RangeError('a PROXY header of an unknown family, or with half an address');
}

/** One way to write an address, so that it is counted and compared as one. */
function canonical(address: string): string {
  return new SocketAddress({ address, family: isIP(address) === 6 ? 'ipv6' : 'ipv4' }).address;
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}
