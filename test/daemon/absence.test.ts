import { describe, expect, it } from 'vitest';
import { type AbsenceParts, absenceOf } from '../../src/daemon/absence.ts';

const PARTS: AbsenceParts = {
  state: 'backing-off',
  lastError: undefined,
  cause: 'the link broke',
  planned: false,
  online: true,
};

const failed = (code: string) => ({ code, message: 'It failed.', remedy: 'Mend it.', at: 0 });

describe('why a tunnel has no session', () => {
  it('is the network where there is none, whatever failed before', () => {
    const absence = absenceOf({ ...PARTS, lastError: failed('RELAY_PROTOCOL'), online: false });
    expect(absence).toMatchObject({ verdict: 'network-down', remedy: expect.stringContaining('network') });
  });

  it.each([
    ['CREDENTIAL_REJECTED', 'auth'],
    ['NGROK_LIMIT', 'limited'],
    ['TUNNEL_EXPOSED', 'exposed'],
    ['RELAY_UNREACHABLE', 'tunnel-down'],
    ['PINGGY_OPTION_INVALID', 'config'],
    ['A_CODE_OF_THE_FUTURE', 'tunnel-down'],
  ])('is the last error, in the words of a verdict: %s', (code, verdict) => {
    expect(absenceOf({ ...PARTS, lastError: failed(code) })).toEqual({
      verdict,
      cause: 'No session: It failed.',
      remedy: 'Mend it.',
    });
  });

  it('is what ended the last session, where nothing has failed since', () => {
    expect(absenceOf(PARTS)).toMatchObject({ verdict: 'tunnel-down', cause: 'No session: the link broke.' });
  });

  it('is nothing to worry about while it opens, or is renewed', () => {
    expect(absenceOf({ ...PARTS, state: 'opening' }).verdict).toBe('unknown');
    expect(absenceOf({ ...PARTS, state: 'replacing', planned: true }).verdict).toBe('unknown');
  });
});
