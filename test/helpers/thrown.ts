import { TunneldError } from '../../src/core/errors.ts';

/** The `TunneldError` that `action` ends with; anything else fails the test. */
export async function thrownBy(action: () => unknown): Promise<TunneldError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof TunneldError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
