import type { Framing, Head } from '../core/exchange.ts';
import { fieldValue } from './field-scan.ts';
import { NameSet, nameEquals } from './name-set.ts';

/** What ends a head on the wire. The texts that are parsed and made here do not contain it. */
export const HEAD_END = '\r\n\r\n';

/** A head's text and where its headers stand in it; strings are made only for what is asked. */
export class MessageHead implements Head {
  readonly text: string;
  readonly framing: Framing;
  /** Three numbers a header: start of the line, its colon, its end. */
  readonly #index: readonly number[];
  /** Lower-case names that `Connection` declared to be of this hop only. */
  readonly hopNames: NameSet | undefined;

  constructor(text: string, fields: HeadFields, framing: Framing) {
    this.text = text;
    this.#index = fields.index;
    this.hopNames = hopSet(fields.hopNames);
    this.framing = framing;
  }

  /** Is a header of one of these names there? */
  has(names: NameSet): boolean {
    for (let i = 0; i < this.#index.length; i += 3) {
      if (names.has(this.text, this.#index[i] as number, this.#index[i + 1] as number)) return true;
    }
    return false;
  }

  /**
   * This head's fields without those in `drop`, plus the lines of `added`, which is to be appended to
   * the text. What `Connection` named is gone too, so that it cannot take away what is added.
   */
  editedFields(drop: NameSet | undefined, added: string): HeadFields {
    const index: number[] = [];
    const { text, hopNames } = this;
    for (let i = 0; i < this.#index.length; i += 3) {
      const start = this.#index[i] as number;
      const colon = this.#index[i + 1] as number;
      const dropped = drop?.has(text, start, colon) === true || hopNames?.has(text, start, colon) === true;
      if (!dropped) index.push(start, colon, this.#index[i + 2] as number);
    }
    for (let start = 2; start < added.length; ) {
      const cr = added.indexOf('\r', start);
      const end = cr < 0 ? added.length : cr;
      const base = this.text.length;
      index.push(base + start, base + added.indexOf(':', start), base + end);
      start = end + 2;
    }
    return { index, hopNames: undefined };
  }

  get(name: string): string | undefined {
    const index = this.#index;
    for (let i = 0; i < index.length; i += 3) {
      const start = index[i] as number;
      const colon = index[i + 1] as number;
      if (colon - start === name.length && nameEquals(this.text, start, name)) {
        return fieldValue(this.text, colon, index[i + 2] as number);
      }
    }
    return undefined;
  }

  getAll(name: string): readonly string[] {
    const values: string[] = [];
    for (let i = 0; i < this.#index.length; i += 3) {
      const start = this.#index[i] as number;
      const colon = this.#index[i + 1] as number;
      if (colon - start === name.length && nameEquals(this.text, start, name)) {
        values.push(fieldValue(this.text, colon, this.#index[i + 2] as number));
      }
    }
    return values;
  }

  get lines(): readonly string[] {
    const lines: string[] = [];
    for (let i = 0; i < this.#index.length; i += 3) {
      const colon = this.#index[i + 1] as number;
      lines.push(this.text.slice(this.#index[i], colon));
      lines.push(fieldValue(this.text, colon, this.#index[i + 2] as number));
    }
    return lines;
  }

  /**
   * The header lines, each with the CRLF in front of it, without those in `drop`, `alsoDrop` and
   * `hopNames`. Untouched runs are copied whole.
   */
  linesWithout(drop: NameSet, alsoDrop: NameSet | undefined): string {
    const { text } = this;
    const index = this.#index;
    let out = '';
    let runStart = -1;
    let runEnd = 0;
    for (let i = 0; i < index.length; i += 3) {
      const start = index[i] as number;
      const colon = index[i + 1] as number;
      const dropped =
        drop.has(text, start, colon) ||
        alsoDrop?.has(text, start, colon) === true ||
        this.hopNames?.has(text, start, colon) === true;
      if (runStart >= 0 && (dropped || start !== runEnd + 2)) {
        out += text.slice(runStart, runEnd);
        runStart = -1;
      }
      if (dropped) continue;
      if (runStart < 0) runStart = start - 2;
      runEnd = index[i + 2] as number;
    }
    return runStart < 0 ? out : out + text.slice(runStart, runEnd);
  }
}

export interface HeadFields {
  readonly index: readonly number[];
  readonly hopNames: NameSet | readonly string[] | undefined;
}

function hopSet(names: HeadFields['hopNames']): NameSet | undefined {
  return names === undefined || names instanceof NameSet ? names : new NameSet(names);
}
