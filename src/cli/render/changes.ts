import type { KeyChange } from '../../control/api.ts';
import { printable } from './printable.ts';

/** What is different now, a line a key: `path      /mcp -> /sse`. */
export function changeLines(changes: readonly KeyChange[]): readonly string[] {
  const width = Math.max(...changes.map(({ key }) => key.length));
  return changes.map(({ key, from, to }) =>
    printable(`  ${key.padEnd(width)}  ${shown(from)} -> ${shown(to)}`),
  );
}

function shown(value: unknown): string {
  if (value === undefined) return 'not set';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
