import { createLogger } from '../../src/core/log.ts';

/** A logger that says nothing, for code that must be given one. */
export const quiet = createLogger('silent');
