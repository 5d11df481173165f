import { stripVTControlCharacters } from 'node:util';

/**
 * A line that is too long for the terminal as several, broken between words; what follows the first
 * is indented as its text begins. A word that is longer than a line stays whole: it may be a URL.
 *
 * @param columns of the terminal; Infinity where there is none
 * @param hang where the text of the line begins, behind its label
 */
export function wrapped(line: string, columns: number, hang: number): readonly string[] {
  if (lengthOf(line) <= columns) return [line];
  const lines: string[] = [];
  let current = '';
  for (const word of line.slice(hang).split(' ')) {
    const room = columns - hang;
    if (current !== '' && lengthOf(current) + 1 + lengthOf(word) > room) {
      lines.push(current);
      current = word;
    } else current = current === '' ? word : `${current} ${word}`;
  }
  const [first = '', ...rest] = [...lines, current];
  return [line.slice(0, hang) + first, ...rest.map((text) => ' '.repeat(hang) + text)];
}

function lengthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}
