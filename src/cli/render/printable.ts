import { stripVTControlCharacters } from 'node:util';

/**
 * Text from outside (a server's name, a request path, an error of somebody else's library) made
 * safe to print: one line, no escape sequence, nothing invisible that reorders what is read.
 *
 * A log line that a stranger's request caused must not be able to rewrite the reader's terminal.
 */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replace(INVISIBLE, '\u{fffd}');
}

/** Like `printable`, for text of our own that may have several lines. */
export function printableLines(text: string): readonly string[] {
  return text.split('\n').map(printable);
}

/**
 * `value` as JSON whose strings cannot move a terminal's cursor. C0 controls are escaped in any
 * JSON; the rest is not, and is written as `\u` escapes here: the same value, harmless to print.
 */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(
    /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** C0 and C1 controls, line separators, and the marks that turn the direction of text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point.
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
