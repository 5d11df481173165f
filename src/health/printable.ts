/** What a server says about itself ends up on terminals: no control characters, and not at length. */
export function printable(text: string, maxChars = 100): string {
  return text
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, maxChars);
}
