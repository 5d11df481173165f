/**
 * A set of header names that is asked about text in place: most names of a head differ from all
 * members in length already, so that no string is made and nothing is hashed.
 */
export class NameSet {
  readonly #byLength: (readonly string[] | undefined)[] = [];
  readonly #prefixes: readonly string[];

  /**
   * @param names lower case
   * @param prefixes whatever begins with one of them is a member too (lower case)
   */
  constructor(names: Iterable<string>, prefixes: readonly string[] = []) {
    this.#prefixes = prefixes;
    for (const name of names) {
      this.#byLength[name.length] = [...(this.#byLength[name.length] ?? []), name];
    }
  }

  /** Is `text[start, end)` a member, whatever its case and whether it writes `-` as `_`? */
  has(text: string, start: number, end: number): boolean {
    for (const prefix of this.#prefixes) {
      if (end - start >= prefix.length && nameEquals(text, start, prefix, true)) return true;
    }
    const candidates = this.#byLength[end - start];
    if (candidates === undefined) return false;
    for (const name of candidates) if (nameEquals(text, start, name, true)) return true;
    return false;
  }
}

/**
 * Does `name` (lower case) stand at `start`? The text must be a validated header name.
 *
 * @param looseDash `_` counts as `-`, as it does for servers in the CGI tradition: what removes a
 *   header must remove its twin too.
 */
export function nameEquals(text: string, start: number, name: string, looseDash = false): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = text.charCodeAt(start + i);
    // Setting bit 5 lowers letters and keeps digits, `-` and `.`.
    if ((code | 0x20) === name.charCodeAt(i)) continue;
    if (looseDash && code === 0x5f && name.charCodeAt(i) === 0x2d) continue;
    return false;
  }
  return true;
}
