import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** One import or export of another module, as it stands in a source file. */
export interface SourceImport {
  /** As it is written: `./x.ts`, `zod`. */
  readonly specifier: string;
  /** `types`: erased by the compiler. `later`: `import()`. */
  readonly kind: 'now' | 'types' | 'later';
}

export function importsOf(source: string): readonly SourceImport[] {
  const forms =
    /(?:^|[\s;}])((?:import|export)\b[^'"`;]*?\bfrom)\s*['"]([^'"]+)['"]|(\bimport)\s*(\(?)\s*['"`]([^'"`]+)['"`]/g;
  return [...withoutComments(source).matchAll(forms)].map(([, clause, from, , call, bare]) => {
    if (from !== undefined) return { specifier: from, kind: namesTypes(clause ?? '') ? 'types' : 'now' };
    return { specifier: bare ?? '', kind: call === '(' ? 'later' : 'now' };
  });
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
}

function namesTypes(clause: string): boolean {
  if (/^(?:import|export)\s+type\b/.test(clause)) return true;
  const names = /^(?:import|export)\s*\{([^}]*)\}\s*from$/.exec(clause)?.[1]?.split(',') ?? [];
  const given = names.map((name) => name.trim()).filter((name) => name !== '');
  return given.length > 0 && given.every((name) => name.startsWith('type '));
}

/** From each file to those it imports. */
export type ImportGraph = ReadonlyMap<string, ReadonlySet<string>>;

/** The imports inside a folder of sources, by paths relative to it with `/` between. */
export function importGraph(root: string, kinds: readonly SourceImport['kind'][]): ImportGraph {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const graph = new Map<string, ReadonlySet<string>>();
  for (const file of files) {
    const targets = importsOf(readFileSync(join(root, file), 'utf8'))
      .filter(({ specifier, kind }) => specifier.startsWith('.') && kinds.includes(kind))
      .map(({ specifier }) => relative(root, resolve(root, dirname(file), specifier)));
    graph.set(posix(file), new Set(targets.map(posix)));
  }
  return graph;
}

function posix(path: string): string {
  return path.split(sep).join('/');
}

/** What leads back to itself: each set of nodes that all reach one another, sorted. */
export function circlesIn(graph: ImportGraph): readonly (readonly string[])[] {
  const reach = new Map([...graph.keys()].map((node) => [node, reachable(graph, node)]));
  const circles = new Map<string, readonly string[]>();
  for (const [node, reached] of reach) {
    if (!reached.has(node)) continue;
    const circle = [...reached].filter((other) => reach.get(other)?.has(node)).sort();
    circles.set(circle.join(), circle);
  }
  return [...circles.values()].sort((a, b) => a.join().localeCompare(b.join()));
}

function reachable(graph: ImportGraph, from: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const waiting = [...(graph.get(from) ?? [])];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    waiting.push(...(graph.get(node) ?? []));
  }
  return seen;
}
