import { readFile } from 'node:fs/promises';
import { YamlText } from './yaml-text.ts';

/** Where in the config file a key is written: `file:line:column`; the file alone where that cannot be told. */
export async function placeInFile(file: string, key: readonly string[]): Promise<string> {
  try {
    const source = new YamlText(await readFile(file, 'utf8'));
    return `${file}:${source.place(source.offsetOf(key))}`;
  } catch {
    return file;
  }
}
