import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLError } from 'yaml';
import { messageOf } from '../core/error-message.ts';

/** Something said about a place in a file. */
export interface Complaint {
  /** Characters from the start of the text. */
  readonly offset: number;
  readonly text: string;
  /** Nothing more can be said of a text with it. */
  readonly fatal?: boolean;
}

/** A YAML text that still knows where each of its keys was written. */
export class YamlText {
  /** Plain data; null when the text is empty or not YAML. */
  readonly value: unknown;
  /** Its keys can be looked at, whatever is wrong with it otherwise. */
  readonly readable: boolean;
  /** What is wrong with it as YAML. */
  readonly complaints: readonly Complaint[];
  readonly #root: Node | null;
  readonly #lines = new LineCounter();

  constructor(text: string) {
    const document = parseDocument(text, { lineCounter: this.#lines, uniqueKeys: true });
    const complaints = [...document.errors, ...document.warnings].map((error) => complaintOf(error, text));
    let value: unknown = null;
    // A key that is there twice is a mistake, and hides no other one.
    const readable = [...document.errors, ...document.warnings].every(({ code }) => code === 'DUPLICATE_KEY');
    if (readable) {
      try {
        value = document.toJS();
      } catch (cause) {
        // Aliases that multiply without end are found only here.
        const text = messageOf(cause);
        complaints.push({ offset: 0, text, fatal: true });
      }
    }
    this.#root = document.contents;
    this.readable = readable && complaints.every(({ fatal }) => fatal !== true);
    this.value = value;
    this.complaints = complaints;
  }

  /** `line:column`, both counted from 1. */
  place(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${line}:${col}`;
  }

  /** Where the key `path` is written; where the nearest key around it is, when it is missing. */
  offsetOf(path: readonly string[]): number {
    let node: unknown = this.#root;
    let offset = this.#root?.range?.[0] ?? 0;
    for (const segment of path) {
      const { start, value } = entryOf(node, segment);
      if (start === undefined) break;
      offset = start;
      node = value;
    }
    return offset;
  }
}

function entryOf(node: unknown, segment: string): { start?: number | undefined; value?: unknown } {
  if (isSeq<Node>(node)) {
    const item = node.items[Number(segment)];
    return { start: item?.range?.[0], value: item };
  }
  if (!isMap<Node>(node)) return {};
  // Of a key that is there twice, the last one counts.
  const pair = node.items.findLast(({ key }) => isScalar(key) && String(key.value) === segment);
  return { start: pair?.key.range?.[0], value: pair?.value };
}

function complaintOf({ code, message, pos }: YAMLError, text: string): Complaint {
  const [offset] = pos;
  if (code === 'DUPLICATE_KEY') {
    const key = /^[^\s:]+/.exec(text.slice(offset))?.[0] ?? '';
    return { offset, text: `${key}: The key is there twice` };
  }
  // The library goes on with a drawing of the place, which the position already tells.
  return { offset, text: message.split(' at line ')[0] ?? message };
}
