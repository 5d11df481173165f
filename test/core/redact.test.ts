import { describe, expect, it } from 'vitest';
import { Redactor } from '../../src/core/redact.ts';
import { Secret } from '../../src/core/secret.ts';

function redacting(...secrets: string[]): (text: string) => string {
  const redactor = new Redactor();
  for (const secret of secrets) redactor.add(new Secret(secret));
  return (text) => redactor.clean(text);
}

describe('text of others', () => {
  it('loses every secret it repeats, wherever that is', () => {
    expect(redacting('tnl_abc-def')('GET /t/tnl_abc-def/mcp?token=tnl_abc-def')).toBe(
      'GET /t/[redacted]/mcp?token=[redacted]',
    );
  });

  it('loses a secret that was encoded for a URL', () => {
    expect(redacting('p@ss word/1')('user:p%40ss%20word%2F1@host')).toBe('user:[redacted]@host');
  });

  it('loses the whole of a secret that begins with another', () => {
    expect(redacting('secret', 'secret-longer')('is secret-longer here')).toBe('is [redacted] here');
  });

  it('is not mistaken for a pattern, whatever a secret contains', () => {
    const odd = 'a.*+?^$' + '{}()|[]\\/-b';
    expect(redacting(odd)(`<${odd}>`)).toBe('<[redacted]>');
    expect(redacting('......')('abcdef')).toBe('abcdef');
  });

  it('is left alone where a secret is too short to tell from chance', () => {
    expect(redacting('', 'a', 'on')('on and on')).toBe('on and on');
  });
});
