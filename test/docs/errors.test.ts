import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { everyError } from '../helpers/every-error.ts';

const ROOT = join(import.meta.dirname, '../..');
const page = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');

describe('docs/errors.md', () => {
  it('has every code with its summary, its remedy, its exit code and whether it is tried again', () => {
    const [, codes = ''] = /\n## Codes\n([\s\S]*?)\n## /.exec(page) ?? [];
    const coded = Object.entries(everyError).map(([code, { summary, remedy, exitCode, retryable }]) => {
      const again = retryable ? 'tried again by itself' : 'not tried again';
      return `### ${code}\n\n${summary} ${remedy}\n\nExit code ${exitCode}, ${again}.`;
    });
    expect(codes.trim().split(/\n+(?=### )/)).toEqual(coded);
  });

  it('has every reason a caller can be given', () => {
    const sources = [
      'gateway/answers.ts',
      'gateway/admission.ts',
      'gateway/upstream-answers.ts',
      'http1/request-head.ts',
      'http1/server-connection.ts',
      'relay/edge/ingress.ts',
      'relay/edge/forwarding.ts',
    ].map((file) => readFileSync(join(ROOT, 'src', file), 'utf8'));
    const said = sources
      .join('\n')
      .matchAll(/\breason: '([a-z-]+)'|(?:Http1Error|refuse)\(4\d\d, '([a-z-]+)'/g);
    const reasons = new Set([...said].map(([, answer, refusal]) => answer ?? refusal ?? ''));
    // The gateway's own health path answers 200 with a reason too: that is no failure.
    reasons.delete('gateway');
    expect(reasons.size).toBeGreaterThan(10);
    expect([...reasons].filter((reason) => !page.includes(`\`${reason}\``))).toEqual([]);
  });
});
