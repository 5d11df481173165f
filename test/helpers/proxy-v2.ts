/** A binary PROXY header: version and command, family and kind, then what it says. */
export function proxyV2(versionAndCommand: number, familyAndKind: number, block: readonly number[]): Buffer {
  const fixed = Buffer.from('\r\n\r\n\0\r\nQUIT\n\0\0\0\0', 'latin1');
  fixed.writeUInt8(versionAndCommand, 12);
  fixed.writeUInt8(familyAndKind, 13);
  fixed.writeUInt16BE(block.length, 14);
  return Buffer.concat([fixed, Buffer.from(block)]);
}
