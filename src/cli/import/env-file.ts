import { parse } from 'dotenv';
import { notUnderstood } from './recipe.ts';

export interface EnvFile {
  /** What dotenv makes of the file. */
  readonly values: ReadonlyMap<string, string>;
  /** What a reader may not expect of those rules, a sentence each; they name keys and lines, never values. */
  readonly remarks: readonly string[];
}

/**
 * Reads a `.env` by dotenv's rules, and says what those rules do without a word: a line that is no
 * assignment is dropped, an unquoted `#` ends a value, the last of two equal keys counts.
 *
 * @param file for messages
 * @throws {TunneldError} `IMPORT_NOT_UNDERSTOOD` where two readers would read different secrets
 */
export function readEnvFile(text: string, file: string): EnvFile {
  if (text.includes('\0')) {
    throw notUnderstood(`${file} has zero bytes in it: it is UTF-16 or no text at all`, 'Save it as UTF-8.');
  }
  const { entries, remarks } = statementsOf(text.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n'), file);
  const values = new Map(Object.entries(parse(text)));
  assertSingle(entries, file);
  const known = new Set(entries.map(({ key }) => key));
  if (known.size !== values.size || [...known].some((key) => !values.has(key))) {
    throw notUnderstood(
      `${file} cannot be read in one way only`,
      'Give every key a line of its own, and close every quote.',
    );
  }
  return { values, remarks: [...new Set([...remarks, ...sameTwice(entries)])] };
}

interface Entry {
  readonly key: string;
  readonly line: number;
  readonly value: string;
}

const ASSIGNMENT = /^\s*(?:export\s+)?([\w.-]+)(?:\s*=|:\s+)(.*)$/;

function statementsOf(text: string, file: string): { entries: Entry[]; remarks: string[] } {
  const lines = text.split('\n');
  const entries: Entry[] = [];
  const remarks: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (/^\s*(?:#.*)?$/.test(line)) continue;
    const [, key, rest = ''] = ASSIGNMENT.exec(line) ?? [];
    if (key === undefined) {
      remarks.push(`line ${at + 1} is no KEY=value and is left out`);
      continue;
    }
    const first = at;
    let written = rest.trimStart();
    const quote = /^["'`]/.exec(written)?.[0];
    while (quote !== undefined && !isClosed(written, quote)) {
      at++;
      const next = lines[at];
      if (next === undefined) {
        throw notUnderstood(
          `${file}:${first + 1} ${key}: the ${quote} that begins the value is never closed`,
          `Close it, or put the whole value in another kind of quotes.`,
        );
      }
      written += `\n${next}`;
    }
    const statement = lines.slice(first, at + 1).join('\n');
    const value = parse(statement)[key] ?? '';
    entries.push({ key, line: first + 1, value });
    remarks.push(...remarksOn({ key, line: first + 1, value }, written));
  }
  return { entries, remarks };
}

/** Whether the quote that a value begins with has its other half; a backslash keeps one from closing. */
function isClosed(written: string, quote: string): boolean {
  for (let at = 1; at < written.length; at++) {
    if (written[at] === '\\') at++;
    else if (written[at] === quote) return true;
  }
  return false;
}

function remarksOn({ key, line, value }: Entry, written: string): string[] {
  const remarks: string[] = [];
  if (/^[^"'`\s#][^\n]*?[^\s#]#/.test(written) && !/^["'`]/.test(written)) {
    remarks.push(`line ${line}: the value of ${key} ends before its #; quote it if the # belongs to it`);
  }
  if (/^(["'`])/.test(written) && value.startsWith(written.charAt(0))) {
    remarks.push(
      `line ${line}: there is text behind the value of ${key} in quotes, which makes the quotes part of it`,
    );
  }
  if (/\$\{?[A-Za-z_]/.test(value)) {
    remarks.push(`line ${line}: ${key} has a $ in it; it is taken as it is, no variable is put in`);
  }
  return remarks;
}

function sameTwice(entries: readonly Entry[]): string[] {
  return [...byKey(entries)].flatMap(([key, all]) =>
    all.length < 2
      ? []
      : [
          `${key} is there ${all.length} times with one value (lines ${all.map(({ line }) => line).join(', ')})`,
        ],
  );
}

/** Readers of such files differ in which one counts, and a secret must not depend on the reader. */
function assertSingle(entries: readonly Entry[], file: string): void {
  for (const [key, all] of byKey(entries)) {
    if (new Set(all.map(({ value }) => value)).size < 2) continue;
    const lines = all.map(({ line }) => line).join(' and ');
    throw notUnderstood(
      `${file} gives ${key} different values in lines ${lines}`,
      `Take all but one of them out. dotenv would use the last one.`,
    );
  }
}

function byKey(entries: readonly Entry[]): ReadonlyMap<string, readonly Entry[]> {
  const map = new Map<string, Entry[]>();
  for (const entry of entries) map.set(entry.key, [...(map.get(entry.key) ?? []), entry]);
  return map;
}
