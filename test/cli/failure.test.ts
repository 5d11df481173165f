import { expect, it } from 'vitest';
import { describeFailure } from '../../src/cli/render/failure.ts';
import { TunneldError } from '../../src/core/errors.ts';

it('says what happened, why, what to do and where to read more', () => {
  const cause = new Error('connect ENOENT /run/tunneld.sock');
  const { lines, exitCode } = describeFailure(
    new TunneldError('DAEMON_UNREACHABLE', 'Nobody answers', { cause }),
  );
  expect(lines).toEqual([
    'tunneld: DAEMON_UNREACHABLE: Nobody answers',
    '  cause   connect ENOENT /run/tunneld.sock',
    '  fix     Start it with `tunneld daemon start`, or bring a tunnel up with `tunneld up`.',
    '  more    tunneld help DAEMON_UNREACHABLE',
  ]);
  expect(exitCode).toBe(4);
});

it('does not repeat a cause the message already told', () => {
  const cause = new Error('ENOSPC');
  const { lines } = describeFailure(
    new TunneldError('STATE_UNWRITABLE', 'Writing failed: ENOSPC', { cause }),
  );
  expect(lines.filter((line) => line.includes('ENOSPC'))).toHaveLength(1);
});

it('shows every line of a list of mistakes', () => {
  const { lines } = describeFailure(
    new TunneldError('CONFIG_INVALID', 'f has 2 mistakes:\n  f:1:1 a\n  f:2:1 b'),
  );
  expect(lines.slice(0, 3)).toEqual(['tunneld: CONFIG_INVALID: f has 2 mistakes:', '  f:1:1 a', '  f:2:1 b']);
});

it('shows the stack of anything unexpected, and calls it a bug', () => {
  const { lines, exitCode } = describeFailure(new TypeError('x is not a function'));
  expect(lines[0]).toContain('this is a bug');
  expect(lines.join('\n')).toMatch(/TypeError: x is not a function\n +at .*failure\.test/);
  expect(exitCode).toBe(1);
  expect(describeFailure('thrown as text').lines[1]).toBe('  thrown as text');
});

it('prints nothing a terminal would obey', () => {
  const error = new TunneldError('USAGE', 'no verb "\x1b[2J\x07"', { cause: new Error('\x9b1m\u202e') });
  expect(describeFailure(error).lines.join('')).not.toMatch(/[^\x20-\x7e\u{fffd}]/u);
});
