import { readFileSync } from 'node:fs';
import { type ErrorTable, errorRow, TunneldError } from '../core/errors.ts';
import { type ErrorRow, SHARED_ERRORS } from '../core/shared-errors.ts';
import type { ProviderKind } from '../providers/kind.ts';

/**
 * What docs/errors.md says of a code, or of the reason in an `X-Tunneld-Reason` header; undefined for
 * a word that is neither. Needs no network and no daemon.
 */
export async function topicLines(
  word: string,
  verbs: Readonly<Record<string, unknown>>,
): Promise<readonly string[] | undefined> {
  if (Object.hasOwn(verbs, word)) return undefined;
  const code = word.toUpperCase().replaceAll('-', '_');
  const row = errorRow(code) ?? (isCode(code) ? (await ofProviders())[code] : undefined);
  if (row !== undefined) return codeLines(code, row);
  const reason = reasonLines(word);
  if (reason !== undefined) return reason;
  if (!isCode(word)) return undefined;
  const { nearest } = await import('../core/nearest.ts');
  const near = nearest(word, Object.keys({ ...SHARED_ERRORS, ...(await ofProviders()) }));
  throw new TunneldError('USAGE', `No error has the code ${word}`, {
    remedy: near === undefined ? 'docs/errors.md lists the codes.' : `Did you mean \`tunneld help ${near}\`?`,
  });
}

function isCode(word: string): boolean {
  return /^[A-Z]+(?:_[A-Z]+)+$/.test(word);
}

async function ofProviders(): Promise<ErrorTable> {
  const { KINDS } = await import('../providers/kinds.ts');
  const kinds: readonly ProviderKind[] = KINDS;
  return Object.assign({}, ...kinds.map(({ errors }) => errors));
}

function codeLines(code: string, { summary, remedy, exitCode, retryable }: ErrorRow): readonly string[] {
  const again = retryable ? 'tried again by itself' : 'not tried again';
  return [code, '', summary, remedy, '', `Exit code ${exitCode}, ${again}.`];
}

/** Shipped with the program: its folder is two above this file, built or not. */
const PAGE = new URL('../../docs/errors.md', import.meta.url);

/** The rows of the table of reasons: `| 401 | `no-token` | why |`. */
function reasonLines(word: string): readonly string[] | undefined {
  let page: string;
  try {
    page = readFileSync(PAGE, 'utf8');
  } catch {
    return undefined;
  }
  const rows = page.matchAll(/^\| (\d{3}) \| ([^|]+) \| ([^|]+) \|$/gm);
  const found = [...rows].filter(([, , words = '']) => words.includes(`\`${word}\``));
  if (found.length === 0) return undefined;
  return [
    word,
    '',
    ...found.map(([, status, , why]) => `What a caller of a tunnel gets, with status ${status}: ${why}`),
  ];
}
