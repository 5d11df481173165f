import { readFileSync } from 'node:fs';

export interface LockedPackage {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly libc?: readonly string[];
  readonly optional?: boolean;
  readonly engines?: { readonly node?: string };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

interface Manifest {
  readonly engines: { readonly node: string };
  readonly dependencies: Readonly<Record<string, string>>;
}

const readJson = (file: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));

export const manifest = readJson('package.json') as Manifest;
/** By their path: `node_modules/a/node_modules/b`. */
export const { packages: locked } = readJson('package-lock.json') as {
  packages: Readonly<Record<string, LockedPackage>>;
};

/** The path of what the package at `from` gets for `name`, as Node looks for it: its own, then those above. */
export function pathOf(from: string, name: string): string | undefined {
  const parts = from.split(/(?<=^|\/)(?=node_modules\/)/);
  const folders = [`${from}/`, ...parts.map((_, index) => parts.slice(0, index).join('')).reverse()];
  return folders.map((folder) => `${folder}node_modules/${name}`).find((path) => path in locked);
}

/** The paths of these packages of ours and of all they bring, other platforms' included. */
export function tree(names: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (path: string | undefined) => {
    if (path === undefined || found.has(path)) return;
    found.add(path);
    for (const name of needs(locked[path])) add(pathOf(path, name));
  };
  for (const name of names) add(pathOf('', name));
  return found;
}

function needs(found: LockedPackage | undefined): string[] {
  const peers = Object.keys(found?.peerDependencies ?? {}).filter(
    (name) => found?.peerDependenciesMeta?.[name]?.optional !== true,
  );
  return [
    ...Object.keys(found?.dependencies ?? {}),
    ...Object.keys(found?.optionalDependencies ?? {}),
    ...peers,
  ];
}
