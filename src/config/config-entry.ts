import { isDeepStrictEqual } from 'node:util';
import {
  type Document,
  isMap,
  isScalar,
  type Node,
  type Pair,
  parseDocument,
  stringify,
  type YAMLMap,
} from 'yaml';
import { TunneldError } from '../core/errors.ts';

/**
 * The text of a config file with one more tunnel, or another definition of one. Everything else stays
 * as somebody wrote it, to the byte where the file is written in lines; the result is read again and
 * compared, so that an edit can never mean anything else.
 *
 * @param text valid as a configuration; may be empty
 * @param spec keys as in the config file
 * @throws {TunneldError} `CONFIG_UNWRITABLE` for a file whose tunnels cannot be edited, such as an alias
 */
export function withTunnel(text: string, name: string, spec: object): string {
  const document = parseDocument(text);
  const wanted = expected(document, name, spec);
  for (const edit of [inLines, asDocument]) {
    const edited = edit(text, document, name, spec);
    if (edited !== undefined && isDeepStrictEqual(contentOf(edited), wanted)) return edited;
  }
  throw new TunneldError('CONFIG_UNWRITABLE', 'The config file is written in a way that cannot be edited', {
    remedy: 'Add the entry by hand; `--dry-run` prints it.',
  });
}

/** The entry alone, as it stands below `tunnels:`. */
export function entryText(name: string, spec: object, indent = 2): string {
  // Long values are not folded: they are paths and commands, for people to copy.
  const block = stringify({ [name]: spec }, { lineWidth: 0 });
  return block
    .split('\n')
    .map((line) => (line === '' ? line : ' '.repeat(indent) + line))
    .join('\n');
}

type Edit = (text: string, document: Document, name: string, spec: object) => string | undefined;

/** Puts lines between the others; undefined where the tunnels are not written in lines. */
const inLines: Edit = (text, document, name, spec) => {
  const root = document.contents;
  if (root !== null && !isBlockMap(root)) return undefined;
  const tunnels = pairOf(root, 'tunnels');
  if (tunnels === undefined) return appended(text, document, `tunnels:\n${entryText(name, spec)}`);
  if (isEmpty(tunnels.value))
    return spliced(text, lineAfter(text, endOf(tunnels.key)), entryText(name, spec));
  if (!isBlockMap(tunnels.value)) return undefined;
  const found = pairOf(tunnels.value, name);
  const first = tunnels.value.items[0] as Pair<Node, Node | null>;
  const block = entryText(name, spec, columnOf(text, first.key));
  if (found === undefined) return spliced(text, lineAfter(text, lastOffset(tunnels)), block);
  return spliced(text, lineOf(text, startOf(found.key)), block, lineAfter(text, lastOffset(found)));
};

/** For flow style, `{}` and the like: comments stay, the layout is the library's. */
const asDocument: Edit = (_text, document, name, spec) => {
  try {
    if (isMap(document.get('tunnels'))) document.setIn(['tunnels', name], document.createNode(spec));
    else document.set('tunnels', document.createNode({ [name]: spec }));
    return document.toString({ lineWidth: 0 });
  } catch {
    return undefined;
  }
};

function expected(document: Document, name: string, spec: object): unknown {
  const { tunnels, ...rest } = (document.toJS() ?? {}) as { tunnels?: object | null };
  return { ...rest, tunnels: { ...tunnels, [name]: spec } };
}

function contentOf(text: string): unknown {
  try {
    const document = parseDocument(text);
    return document.errors.length > 0 ? undefined : document.toJS();
  } catch {
    // What an alias meant went away with the edit.
    return undefined;
  }
}

function appended(text: string, document: Document, block: string): string {
  // What stands behind the end of a document (`...`) is another one.
  const end = document.contents === null ? text.length : lineAfter(text, lastOffset(document.contents));
  return spliced(text, /^\s*$/.test(text.slice(end)) ? text.length : end, block);
}

function spliced(text: string, at: number, block: string, until = at): string {
  const before = text.slice(0, at);
  const joined = before === '' || before.endsWith('\n') ? before : `${before}\n`;
  const eol = /\r\n/.test(text) ? '\r\n' : '\n';
  return (
    (joined.endsWith('\n') && eol === '\r\n' && !joined.endsWith('\r\n') ? `${before}${eol}` : joined) +
    block.replaceAll('\n', eol) +
    text.slice(until)
  );
}

function pairOf(map: Node | null, key: string): Pair<Node, Node | null> | undefined {
  if (!isMap<Node, Node | null>(map)) return undefined;
  return map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key);
}

function isBlockMap(node: unknown): node is YAMLMap<Node, Node | null> {
  return isMap(node) && node.flow !== true && node.items.length > 0;
}

/** `tunnels:` with nothing behind it. */
function isEmpty(node: Node | null): boolean {
  return node === null || (isScalar(node) && node.value === null && node.source === '');
}

/** Where the last thing of a pair or node ends. A map's own end may be behind comments that follow it. */
function lastOffset(of: Node | Pair<Node, Node | null>): number {
  if ('key' in of) return of.value === null ? endOf(of.key) : lastOffset(of.value);
  if (isBlockMap(of)) return lastOffset(of.items.at(-1) as Pair<Node, Node | null>);
  const items = 'items' in of && !('flow' in of && of.flow === true) ? (of.items as Node[]) : [];
  const last = items.at(-1);
  return last === undefined ? endOf(of) : lastOffset(last);
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

function endOf(node: Node): number {
  return node.range?.[1] ?? 0;
}

function columnOf(text: string, node: Node): number {
  return startOf(node) - lineOf(text, startOf(node));
}

function lineOf(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

/** The start of the line behind the one that holds what ends at `offset`. */
function lineAfter(text: string, offset: number): number {
  // A block text ends with its line break.
  if (offset > 0 && text[offset - 1] === '\n') return offset;
  const end = text.indexOf('\n', offset);
  return end === -1 ? text.length : end + 1;
}
