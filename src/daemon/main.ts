import { homedir } from 'node:os';
import { asExpected } from '../core/system-failure.ts';
import { announceFailure } from './announce.ts';
import { daemonOptions } from './options.ts';

// Packages ask for the home folder as soon as they are loaded, and fail where this user has none.
try {
  homedir();
} catch {
  process.env['HOME'] = process.env['TUNNELD_STATE_DIR'] || '/nonexistent';
}

// The daemon is many files: what keeps the system from opening them is told like any other failure.
try {
  await import('./run.ts');
} catch (error) {
  announceFailure(daemonOptions().readyFd, asExpected(error));
  process.exit(1);
}
