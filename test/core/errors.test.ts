import { describe, expect, it } from 'vitest';
import { type ErrorTable, errorRow, isErrorCode, TunneldError } from '../../src/core/errors.ts';
import { SHARED_ERRORS } from '../../src/core/shared-errors.ts';
import { everyError } from '../helpers/every-error.ts';

const codes = Object.keys(everyError);

describe('the catalogue of errors', () => {
  it.each(codes)('%s says what happened and what to do, in whole sentences', (code) => {
    const { summary, remedy, exitCode } = everyError[code] as ErrorTable[string];
    expect(code).toMatch(/^[A-Z][A-Z0-9_]+$/);
    for (const sentence of [summary, remedy]) expect(sentence).toMatch(/^[A-Z`].*[.]$/);
    expect([1, 2, 3, 4, 5]).toContain(exitCode);
  });
});

describe('the codes of providers', () => {
  it('are known once the list of kinds is loaded, and each belongs to one provider', () => {
    const own = codes.filter((code) => !Object.hasOwn(SHARED_ERRORS, code));
    expect(own).toEqual(expect.arrayContaining(['PINGGY_EXITED', 'ENGINE_UNREACHABLE', 'NGROK_BUSY']));
    for (const code of own) expect(errorRow(code)).toBe(everyError[code]);
    expect(isErrorCode('toString')).toBe(false);
  });
});

describe('an expected failure', () => {
  it('knows from its code what to do, whether to retry and how to exit', () => {
    const error = new TunneldError('TUNNEL_NOT_FOUND', 'No tunnel is called "figma"');
    expect(error).toMatchObject({ name: 'TunneldError', exitCode: 3, retryable: false });
    expect(error.remedy).toBe(SHARED_ERRORS.TUNNEL_NOT_FOUND.remedy);
  });

  it('takes the better remedy of the place that throws, and keeps its cause', () => {
    const cause = new Error('EPIPE');
    const error = new TunneldError('RELAY_UNREACHABLE', 'x', { cause, remedy: 'Plug it in.' });
    expect(error).toMatchObject({ remedy: 'Plug it in.', cause, retryable: true });
  });
});
