import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { circlesIn, type ImportGraph, importGraph } from './helpers/source-imports.ts';
import { tempFolder } from './helpers/temp-folder.ts';

const SRC = resolve(import.meta.dirname, '../src');

/** Parent and child that call each other: the child knows its parent by an `import type` only. */
const KNOWN_PAIRS = [
  ['http1/server-connection.ts', 'http1/server-exchange.ts'],
  ['http1/upstream-connection.ts', 'http1/upstream-exchange.ts'],
];

/** Folders beside each other that import from each other, below `parent`. */
function folderCircles(graph: ImportGraph, parent: string): readonly (readonly string[])[] {
  const prefix = parent === '' ? '' : `${parent}/`;
  const folderOf = (file: string) =>
    file.startsWith(prefix) ? /^([^/]+)\//.exec(file.slice(prefix.length))?.[1] : undefined;
  const folders = new Map<string, Set<string>>();
  for (const [file, targets] of graph) {
    const from = folderOf(file);
    if (from === undefined) continue;
    const to = folders.get(from) ?? new Set();
    folders.set(from, to);
    for (const target of targets) {
      const folder = folderOf(target);
      if (folder !== undefined && folder !== from) to.add(folder);
    }
  }
  return circlesIn(folders).map((circle) => circle.map((folder) => prefix + folder));
}

function allFolderCircles(graph: ImportGraph): readonly (readonly string[])[] {
  const parents = new Set<string>(['']);
  for (const file of graph.keys()) {
    for (let folder = dirname(file); folder !== '.'; folder = dirname(folder)) parents.add(folder);
  }
  return [...parents].flatMap((parent) => folderCircles(graph, parent));
}

/** A tree of sources of which each file imports what it is listed with. */
function tree(files: Readonly<Record<string, string>>): string {
  const root = tempFolder();
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return root;
}

describe('the modules', () => {
  it('never load each other in a circle', () => {
    expect(circlesIn(importGraph(SRC, ['now']))).toEqual([]);
    expect(circlesIn(importGraph(SRC, ['now', 'later']))).toEqual([]);
  });

  it('know each other by their types in the known pairs only', () => {
    expect(circlesIn(importGraph(SRC, ['now', 'types', 'later']))).toEqual(KNOWN_PAIRS);
  });

  it('lie in folders of which no two beside each other know each other', () => {
    const graph = importGraph(SRC, ['now', 'types', 'later']);
    // The kinds of providers and the value types of keys are rooms that both sides may know.
    expect(allFolderCircles(graph)).toEqual([['config', 'providers']]);
    const rooms = /^(?:config\/(?:fields|secret-fields|access-token)|providers\/kinds?)\.ts$/;
    const without = new Map([...graph].map(([from, to]) => [from, notIn(rooms, to)]));
    expect(allFolderCircles(without)).toEqual([]);
  });

  it('would be caught in a circle of any kind', () => {
    const files = { 'a/x.ts': `import '../b/y.ts';`, 'b/y.ts': `import { type X } from '../a/z.ts';` };
    const folders = tree({ ...files, 'a/z.ts': 'export type X = 1;' });
    expect(allFolderCircles(importGraph(folders, ['now', 'types']))).toEqual([['a', 'b']]);
    expect(circlesIn(importGraph(folders, ['now', 'types']))).toEqual([]);
    const through = tree({
      'x.ts': `import { y } from './y.ts';`,
      'y.ts': `export * from './z.ts';`,
      'z.ts': `import type { x } from './x.ts';`,
    });
    expect(circlesIn(importGraph(through, ['now']))).toEqual([]);
    expect(circlesIn(importGraph(through, ['now', 'types']))).toEqual([['x.ts', 'y.ts', 'z.ts']]);
  });
});

function notIn(rooms: RegExp, files: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...files].filter((file) => !rooms.test(file)));
}
