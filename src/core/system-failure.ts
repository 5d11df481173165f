import { TunneldError } from './errors.ts';

/** What a system refuses for reasons of its own: rights, space, limits, a file in a folder's place. */
const REFUSALS: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOSPC',
  'EDQUOT',
  'ENOMEM',
  'ENOTDIR',
  'EISDIR',
  'ELOOP',
  'EIO',
]);

/** Of this process, and of the whole machine. */
export const OUT_OF_DESCRIPTORS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE']);

/** The same error as one that is expected, where the system and no mistake of ours is behind it. */
export function asExpected(error: unknown): unknown {
  if (error instanceof TunneldError || !(error instanceof Error)) return error;
  const { code = '', syscall } = error as NodeJS.ErrnoException;
  if (syscall === 'uv_os_homedir') {
    return new TunneldError('SYSTEM_REFUSED', 'This user has no home folder', {
      remedy:
        'Set HOME to a folder of yours; or TUNNELD_CONFIG, TUNNELD_STATE_DIR, TUNNELD_RUNTIME_DIR and TUNNELD_LOG_DIR.',
    });
  }
  if (OUT_OF_DESCRIPTORS.has(code)) {
    return new TunneldError('SYSTEM_REFUSED', `This process may open no more files (${error.message})`, {
      cause: error,
      remedy:
        'Raise the limit of open files (`ulimit -n 1024`, or `LimitNOFILE=` of the service), then try again.',
    });
  }
  if (syscall === undefined || !REFUSALS.has(code)) return error;
  return new TunneldError('SYSTEM_REFUSED', `The system refused: ${error.message}`, { cause: error });
}
