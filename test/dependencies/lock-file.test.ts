import { readFileSync } from 'node:fs';
import semver from 'semver';
import { expect, it } from 'vitest';

interface Entry {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly libc?: readonly string[];
  readonly optional?: boolean;
  readonly engines?: { readonly node?: string };
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const readJson = (file: string) =>
  JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));
const { packages } = readJson('package-lock.json') as { packages: Readonly<Record<string, Entry>> };
const installed = Object.entries(packages).filter(([path]) => path !== '');
const manifest = readJson('package.json') as { engines: { node: string } };

it('every package runs on the oldest Node that we promise, and on the newest that we test', () => {
  const nodes = [semver.minVersion(manifest.engines.node)?.version ?? 'none', '24.0.0'];
  expect(nodes[0]).toBe('20.19.0');
  const unfit = installed
    .filter(([, { optional }]) => optional !== true)
    .filter(([, { engines }]) => nodes.some((node) => !semver.satisfies(node, engines?.node ?? '*')))
    .map(([path, { version, engines }]) => `${path}@${version} wants ${engines?.node}`);
  expect(unfit).toEqual([]);
});

it('names no registry, so that everybody installs from their own', () => {
  expect(installed.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  expect(installed.filter(([, { integrity }]) => integrity === undefined)).toEqual([]);
});

// npm 10, which comes with Node 20, drops this field whenever it installs; npm 11 leaves it out where it
// is not. After adding a package with npm 11: delete the field, and install again.
it('holds nothing that another npm would take out', () => {
  expect(installed.filter(([, { libc }]) => libc !== undefined).map(([path]) => path)).toEqual([]);
});

it('holds the packages of every platform', () => {
  const missing = installed.flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !folders(path).some((folder) => `${folder}node_modules/${name}` in packages))
      .map((name) => `${name} of ${path}`),
  );
  expect(missing).toEqual([]);
});

/** The folders in which Node looks for what the package at `path` requires: its own, and those above. */
function folders(path: string): string[] {
  const parts = path.split(/(?<=^|\/)(?=node_modules\/)/);
  return parts.map((_, index) => parts.slice(0, index).join('')).concat(`${path}/`);
}
