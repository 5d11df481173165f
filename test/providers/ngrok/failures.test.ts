import { describe, expect, it } from 'vitest';
import { errorRow } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { AccountBook } from '../../../src/providers/ngrok/accounts.ts';
import { KNOWN_CODES, meaningOf } from '../../../src/providers/ngrok/error-table.ts';
import { Failures, tidy } from '../../../src/providers/ngrok/failures.ts';
import { NGROK_DEFAULTS } from '../../../src/providers/ngrok/options.ts';
import { redaction } from '../../../src/providers/ngrok/redaction.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';

const NOBODY: readonly string[] = [];

function failed(number: number, holders = NOBODY) {
  return new Failures(new FakeClock()).of({ message: 'No.', code: `ERR_NGROK_${number}` }, holders);
}

describe('the table of ngrok errors', () => {
  it.each([
    [[105, 106, 107, 300, 4018], 'CREDENTIAL_REJECTED'],
    [[102, 103, 115, 116, 122, 123, 247, 337, 338, 3208, 8014], 'NGROK_ACCOUNT'],
    [[109, 120, 121, 301], 'NGROK_VERSION'],
    [[324, 350, 725, 727], 'NGROK_LIMIT'],
    [[108, 334, 348], 'NGROK_BUSY'],
    [[349, 351, 734], 'NGROK_RATE_LIMIT'],
    [[110, 335, 99_999], 'NGROK_FAILED'],
    [[8000, 8011], 'NGROK_UNREACHABLE'],
    [
      [100, 307, 313, 320, 322, 326, 347, 354, 359, 360, 2201, 2205, 2253, 2257, 6030, 9037, 15_002, 15_008],
      'NGROK_OPTION_INVALID',
    ],
  ] as const)('makes %j our %s', (numbers, code) => {
    expect(numbers.map((number) => failed(number).code)).toEqual(numbers.map(() => code));
  });

  it('says what to do about each, and where ngrok explains it', () => {
    for (const number of KNOWN_CODES) {
      const { message, remedy } = failed(number);
      expect(message).toContain(`ERR_NGROK_${number}`);
      expect(remedy).toMatch(
        new RegExp(`^[A-Z\`t].{12,}See https://ngrok.com/docs/errors/err_ngrok_${number}$`),
      );
    }
  });

  it('tries again exactly where that can help', () => {
    for (const number of KNOWN_CODES) {
      const { code, retry } = meaningOf(`ERR_NGROK_${number}`);
      expect([number, errorRow(code)?.retryable]).toEqual([number, retry !== 'never']);
    }
  });

  it('asks for a minute of patience after a rate limit', () => {
    expect([349, 351, 734].map((number) => failed(number).retryAfterMs)).toEqual([60_000, 60_000, 60_000]);
    expect(failed(334).retryAfterMs).toBe(0);
  });

  it('says which limit was hit and which tunnels hold it', () => {
    expect(failed(108, ['notes (a.ngrok.app)', 'files (b.ngrok.app)']).message).toBe(
      "No. (ERR_NGROK_108); the account's limit of agent sessions at once, held by notes (a.ngrok.app), files (b.ngrok.app)",
    );
    expect(failed(324).message).toContain('limit of endpoints at once, no other tunnel of this daemon');
    expect(failed(107).message).toBe('No. (ERR_NGROK_107)');
  });
});

describe('a refusal that may be our own ghost', () => {
  const taken = { message: 'Already online.', code: 'ERR_NGROK_334' };

  it('is final after two minutes, and starts over when somebody tries again after that', async () => {
    const clock = new FakeClock();
    const failures = new Failures(clock);
    const codes: string[] = [];
    for (let second = 0; second <= 120; second += 30) {
      codes.push(failures.of(taken, NOBODY).code);
      await clock.advance(30_000);
    }
    expect(codes).toEqual([...Array(4).fill('NGROK_BUSY'), 'NGROK_ENDPOINT_TAKEN']);
    expect(failures.of(taken, NOBODY).code).toBe('NGROK_BUSY');
  });

  it('is forgotten when a session opened, and when the last was long ago', async () => {
    const clock = new FakeClock();
    const failures = new Failures(clock);
    failures.of(taken, NOBODY);
    await clock.advance(100_000);
    failures.of(taken, NOBODY);
    failures.forget();
    await clock.advance(30_000);
    expect(failures.of(taken, NOBODY).code).toBe('NGROK_BUSY');
    await clock.advance(3_600_000);
    expect(failures.of(taken, NOBODY).code).toBe('NGROK_BUSY');
  });

  it('is a limit of the account when it is 108, and a matter of version when it is 335', async () => {
    const clock = new FakeClock();
    const failures = new Failures(clock);
    const full = { message: 'Too many.', code: 'ERR_NGROK_108' };
    for (let second = 0; second < 120; second += 60) {
      expect(failures.of(full, NOBODY).code).toBe('NGROK_BUSY');
      await clock.advance(60_000);
    }
    expect(failures.of(full, NOBODY).code).toBe('NGROK_LIMIT');
    const cookie = { message: 'Bad cookie.', code: 'ERR_NGROK_335' };
    expect([failures.of(cookie, NOBODY).code, failures.of(cookie, NOBODY).code]).toEqual([
      'NGROK_FAILED',
      'NGROK_VERSION',
    ]);
  });
});

describe('what the SDK says', () => {
  it.each([
    [
      'failed to connect session: Too many agents. \n\nYour plan: 1. error_code: ERR_NGROK_108',
      'Too many agents. Your plan: 1.',
    ],
    ['failed to start listener: Online. error_code: ERR_NGROK_334', 'Online.'],
    [
      'error on join: Custom { kind: NotConnected, error: ListenerClosed { message: "a \\"b\\"\\nc", error_code: Some("ERR_NGROK_725") } }',
      'a \\"b\\" c',
    ],
    ['failed to connect session: tls handshake error', 'tls handshake error'],
  ])('is told without its wrapping: %j', (text, told) => {
    expect(tidy(text)).toBe(told);
  });

  it('loses the authtoken it quotes, whole or in part', () => {
    const authtoken = new Secret('2abcdef_hunter2marker');
    const clean = redaction({ ...NGROK_DEFAULTS, authtoken }, [new Secret('tnl_access')]);
    expect(
      clean('The authtoken is invalid: 2abcdef_hunter2marker. Your authtoken: 2abcdef_hun… and tnl_access'),
    ).toBe('The authtoken is invalid: [redacted]. Your authtoken: [redacted] and [redacted]');
  });
});

describe('the book of accounts', () => {
  const url = (host: string) => new URL(`https://${host}`);

  it('knows who else draws on the same account, as long as they do', () => {
    const book = new AccountBook();
    const [ours, other] = [new Secret('one'), new Secret('two')];
    const leave = book.enter(ours, 'notes', url('a.ngrok.app'));
    book.enter(other, 'files', url('b.ngrok.app'));
    expect(book.others(new Secret('one'), 'figma')).toEqual(['notes (a.ngrok.app)']);
    expect(book.others(ours, 'notes')).toEqual([]);
    leave();
    leave();
    expect(book.others(ours, 'figma')).toEqual([]);
  });

  it('is not confused by a session that ends after its successor opened', () => {
    const book = new AccountBook();
    const account = new Secret('one');
    const leaveFirst = book.enter(account, 'notes', url('a.ngrok.app'));
    book.enter(account, 'notes', url('c.ngrok.app'));
    leaveFirst();
    expect(book.others(account, 'figma')).toEqual(['notes (c.ngrok.app)']);
  });
});
