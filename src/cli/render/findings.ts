import type { Finding } from '../../core/status.ts';
import type { Paint } from '../io.ts';
import { printable } from './printable.ts';

/** One line a finding; below a bad one, what to do. */
export function findingLines(findings: readonly Finding[], paint: Paint): readonly string[] {
  const width = Math.max(...findings.map(({ name }) => name.length));
  return findings.flatMap(({ name, ok, detail, remedy }) => [
    `${ok ? paint.green('ok ') : paint.red('bad')}  ${name.padEnd(width)}  ${printable(detail)}`,
    ...(ok || remedy === '' ? [] : [`     ${' '.repeat(width)}  -> ${printable(remedy)}`]),
  ]);
}
