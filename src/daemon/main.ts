import { asExpected } from '../core/system-failure.ts';
import { announceFailure } from './announce.ts';
import { daemonOptions } from './options.ts';

// The daemon is many files: what keeps the system from opening them is told like any other failure.
try {
  await import('./run.ts');
} catch (error) {
  announceFailure(daemonOptions().readyFd, asExpected(error));
  process.exit(1);
}
