import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../core/error-message.ts';
import { TunneldError } from '../../core/errors.ts';
import { sha256Hex } from '../../core/sha256.ts';

/** Key and chain of each host in one file, so that they are never of two orders; the account's key too. */
export class CertificateFolder {
  readonly #folder: string;

  /** @throws {TunneldError} `STATE_UNWRITABLE` */
  constructor(folder: string) {
    this.#folder = folder;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      if ((statSync(folder).mode & 0o022) !== 0) throw new Error('others can write in it');
    } catch (cause) {
      const reason = messageOf(cause);
      throw new TunneldError('STATE_UNWRITABLE', `${folder} cannot hold certificates: ${reason}`, {
        remedy:
          'Make it a folder of your own that nobody else can write, or choose another with --acme-folder.',
        cause,
      });
    }
  }

  /** Undefined when there is none. */
  certificate(host: string): string | undefined {
    return this.#read(`${host}.pem`);
  }

  /** @throws {Error} of the file system */
  saveCertificate(host: string, pem: string): void {
    this.#write(`${host}.pem`, pem);
  }

  accountKey(directory: URL): string | undefined {
    return this.#read(accountFile(directory));
  }

  /** @throws {Error} of the file system */
  saveAccountKey(directory: URL, pem: string): void {
    this.#write(accountFile(directory), pem);
  }

  #read(name: string): string | undefined {
    try {
      return readFileSync(join(this.#folder, name), 'utf8');
    } catch {
      return undefined;
    }
  }

  /** Writes the file as a whole: readers see the old or the new content. */
  #write(name: string, text: string): void {
    const draft = join(this.#folder, `.${name}.${randomBytes(6).toString('hex')}`);
    try {
      writeFileSync(draft, text, { mode: 0o600, flag: 'wx', flush: true });
      renameSync(draft, join(this.#folder, name));
    } finally {
      rmSync(draft, { force: true });
    }
  }
}

/** One account for each authority. The name cannot be that of a host, because it has an underscore. */
function accountFile(directory: URL): string {
  return `account_${sha256Hex(directory.href).slice(0, 12)}.pem`;
}
