import { readFileSync } from 'node:fs';
import { ERROR_CATALOGUE, type ErrorCode, TunneldError } from '../core/errors.ts';

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
  if (Object.hasOwn(ERROR_CATALOGUE, code)) return codeLines(code as ErrorCode);
  const reason = reasonLines(word);
  if (reason !== undefined) return reason;
  if (!/^[A-Z]+(?:_[A-Z]+)+$/.test(word)) return undefined;
  const { nearest } = await import('../core/nearest.ts');
  const near = nearest(word, Object.keys(ERROR_CATALOGUE));
  throw new TunneldError('USAGE', `No error has the code ${word}`, {
    remedy: near === undefined ? 'docs/errors.md lists the codes.' : `Did you mean \`tunneld help ${near}\`?`,
  });
}

function codeLines(code: ErrorCode): readonly string[] {
  const { summary, remedy, exitCode, retryable } = ERROR_CATALOGUE[code];
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
