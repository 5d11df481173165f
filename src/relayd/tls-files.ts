import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createSecureContext, type TlsOptions } from 'node:tls';
import { messageOf } from '../core/error-message.ts';
import { TunneldError } from '../core/errors.ts';

/** How often the files are checked (milliseconds): a watch misses the links that renewal tools replace. */
const LOOK_EVERY_MS = 2_000;

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/**
 * Reads a certificate and its key, and checks that they belong together.
 *
 * @throws {TunneldError} `USAGE`
 */
export function readTls({ cert, key }: TlsFiles): TlsOptions {
  try {
    const options = { cert: readFileSync(cert), key: readFileSync(key), minVersion: 'TLSv1.2' as const };
    createSecureContext(options);
    return options;
  } catch (cause) {
    const reason = messageOf(cause);
    throw new TunneldError('USAGE', `The certificate ${cert} with the key ${key} cannot be used: ${reason}`, {
      cause,
    });
  }
}

/** Calls back with what the files hold after each change. Returns how to stop. */
export function watchTls(
  files: TlsFiles,
  onChange: (tls: TlsOptions) => void,
  onBad: (error: unknown) => void,
): () => void {
  const look = () => {
    try {
      onChange(readTls(files));
    } catch (error) {
      // Half written, or only one of the two files so far: the next check reads them again.
      onBad(error);
    }
  };
  const paths = [files.cert, files.key];
  for (const path of paths) watchFile(path, { interval: LOOK_EVERY_MS, persistent: false }, look);
  return () => {
    for (const path of paths) unwatchFile(path, look);
  };
}
