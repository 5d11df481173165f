import { type FileHandle, open, stat } from 'node:fs/promises';
import { currentPath, rotatedPath } from './log-files.ts';

const CHUNK_BYTES = 65_536;

/**
 * Reads what is appended to one log, across rotation: the open file is read to its end under
 * whatever name it has by then, then the files that were started and put aside since, then the new one.
 */
export class LogTail {
  readonly name: string;
  readonly #dir: string;
  #file: FileHandle | undefined;
  #offset: number;
  #held = Buffer.alloc(0);

  /** @param offset where in the file being written to begin (bytes); behind a line break, or 0 */
  constructor(dir: string, name: string, offset: number) {
    this.#dir = dir;
    this.name = name;
    this.#offset = offset;
  }

  /** The lines completed since the last call. */
  async read(): Promise<readonly string[]> {
    const lines: string[] = [];
    this.#file ??= await openIfThere(currentPath(this.#dir, this.name));
    if (this.#file === undefined) return lines;
    for (;;) {
      const rotated = !(await this.#isCurrent(this.#file));
      // Read after asking: what was written up to the rotation is then certainly in it.
      await this.#readOn(this.#file, lines);
      if (!rotated) return lines;
      const next = await this.#successorOf(this.#file);
      if (next === undefined) return lines;
      await this.#file.close();
      this.#file = next;
      this.#offset = 0;
      this.#held = Buffer.alloc(0);
    }
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #readOn(file: FileHandle, lines: string[]): Promise<void> {
    const { size } = await file.stat();
    // The file was emptied in place.
    if (size < this.#offset) {
      this.#offset = 0;
      this.#held = Buffer.alloc(0);
    }
    for (;;) {
      const bytes = Buffer.alloc(CHUNK_BYTES);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      const text = Buffer.concat([this.#held, bytes.subarray(0, bytesRead)]);
      const end = text.lastIndexOf('\n') + 1;
      this.#held = text.subarray(end);
      lines.push(...text.toString('utf8', 0, end).split('\n').slice(0, -1));
    }
  }

  async #isCurrent(file: FileHandle): Promise<boolean> {
    return (await inodeAt(currentPath(this.#dir, this.name))) === (await inodeOf(file));
  }

  /** The file that was started after `file` was put aside; undefined until there is one. */
  async #successorOf(file: FileHandle): Promise<FileHandle | undefined> {
    const own = await inodeOf(file);
    for (let rotation = 1; ; rotation += 1) {
      const inode = await inodeAt(rotatedPath(this.#dir, this.name, rotation));
      const newer =
        rotation === 1 ? currentPath(this.#dir, this.name) : rotatedPath(this.#dir, this.name, rotation - 1);
      // Beyond the oldest kept file: ours was deleted meanwhile, and the oldest is all that is left.
      if (inode === undefined || inode === own) return openIfThere(newer);
    }
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function inodeAt(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.ino;
}

async function inodeOf(file: FileHandle): Promise<number> {
  return (await file.stat()).ino;
}
