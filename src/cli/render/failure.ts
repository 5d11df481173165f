import { messageOf } from '../../core/error-message.ts';
import { TunneldError } from '../../core/errors.ts';
import { printable, printableLines } from './printable.ts';
import { wrapped } from './wrap.ts';

export interface Failure {
  readonly lines: readonly string[];
  readonly exitCode: number;
}

/**
 * What is printed when a verb failed. Expected failures say what happened, why, and what to do;
 * anything else is a mistake of ours, and is shown with its stack so that it can be reported.
 */
export function describeFailure(error: unknown, columns = Number.POSITIVE_INFINITY): Failure {
  if (!(error instanceof TunneldError)) return { lines: bugReport(error), exitCode: 1 };
  const [first = '', ...rest] = printableLines(error.message);
  const lines = [
    ...wrapped(`tunneld: ${error.code}: ${first}`, columns, 'tunneld: '.length),
    ...rest.flatMap((line) => wrapped(`  ${line.trimStart()}`, columns, 2)),
    ...causeLines(error).flatMap((line) => wrapped(line, columns, LABEL)),
    ...wrapped(`  fix     ${printable(error.remedy)}`, columns, LABEL),
    `  more    tunneld help ${error.code}`,
  ];
  return { lines, exitCode: error.exitCode };
}

/** Where the text begins behind `  cause   `. */
const LABEL = 10;

/** A cause that only repeats the message tells nothing new. */
function causeLines(error: TunneldError): readonly string[] {
  const { cause } = error;
  if (cause === undefined) return [];
  const text = messageOf(cause);
  if (text === '' || error.message.includes(text)) return [];
  const [first = '', ...rest] = printableLines(text);
  return [`  cause   ${first}`, ...rest.map((line) => `          ${line}`)];
}

function bugReport(error: unknown): readonly string[] {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return [
    'tunneld: this is a bug in tunneld, not a mistake of yours. Please report it with these lines:',
    ...printableLines(stack).map((line) => `  ${line}`),
    `  node ${process.version} on ${process.platform} ${process.arch}`,
  ];
}
