/** Standard base64 with padding, the only one the official peers take. */
export function base64Of(bytes: Buffer): string {
  return bytes.toString('base64');
}

/** Undefined when the text is not whole and standard; Node alone would skip what it does not know. */
export function bytesOf(text: string): Buffer | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = Buffer.from(text, 'base64');
  // Skipped letters are missing in the length: cheaper to see there than by a look at each one.
  return bytes.length === (text.length / 4) * 3 - padding ? bytes : undefined;
}
