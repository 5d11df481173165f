import { describe, expect, it } from 'vitest';
import { ERROR_CATALOGUE, type ErrorCode, TunneldError } from '../../src/core/errors.ts';

const codes = Object.keys(ERROR_CATALOGUE) as ErrorCode[];

describe('the catalogue of errors', () => {
  it.each(codes)('%s says what happened and what to do, in whole sentences', (code) => {
    const { summary, remedy, exitCode } = ERROR_CATALOGUE[code];
    expect(code).toMatch(/^[A-Z][A-Z0-9_]+$/);
    for (const sentence of [summary, remedy]) expect(sentence).toMatch(/^[A-Z`].*[.]$/);
    expect([1, 2, 3, 4, 5]).toContain(exitCode);
  });
});

describe('an expected failure', () => {
  it('knows from its code what to do, whether to retry and how to exit', () => {
    const error = new TunneldError('TUNNEL_NOT_FOUND', 'No tunnel is called "figma"');
    expect(error).toMatchObject({ name: 'TunneldError', exitCode: 3, retryable: false });
    expect(error.remedy).toBe(ERROR_CATALOGUE.TUNNEL_NOT_FOUND.remedy);
  });

  it('takes the better remedy of the place that throws, and keeps its cause', () => {
    const cause = new Error('EPIPE');
    const error = new TunneldError('RELAY_UNREACHABLE', 'x', { cause, remedy: 'Plug it in.' });
    expect(error).toMatchObject({ remedy: 'Plug it in.', cause, retryable: true });
  });
});
