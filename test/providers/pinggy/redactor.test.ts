import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import { secretValues } from '../../../src/providers/pinggy/arguments.ts';
import { PINGGY_DEFAULTS } from '../../../src/providers/pinggy/options.ts';
import { redactor } from '../../../src/providers/pinggy/redactor.ts';

describe('what a container says', () => {
  const values = secretValues({ ...PINGGY_DEFAULTS, token: new Secret('TOKENabc+force@pro.pinggy.io') }, [
    new Secret('key/with+signs='),
  ]);
  const redact = redactor(values);

  it.each([
    ['TOKENabc+force@pro.pinggy.io: Permission denied', '[redacted]: Permission denied'],
    ['user TOKENabc+force', 'user [redacted]+force'],
    ['?token=key%2Fwith%2Bsigns%3D', '?token=[redacted]'],
    ['with the same token (TOKxxbc) is already', 'with the same token ([redacted]) is already'],
    ['nothing of interest', 'nothing of interest'],
  ])('is logged without secrets: %s', (line, expected) => {
    expect(redact(line)).toBe(expected);
  });

  it('stays readable when a secret is too short to hide', () => {
    expect(redactor(['a', ''])('a banana')).toBe('a banana');
  });
});
