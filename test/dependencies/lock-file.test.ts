import semver from 'semver';
import { expect, it } from 'vitest';
import { locked, manifest, pathOf } from './tree.ts';

const installed = Object.entries(locked).filter(([path]) => path !== '');

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
      .filter((name) => pathOf(path, name) === undefined)
      .map((name) => `${name} of ${path}`),
  );
  expect(missing).toEqual([]);
});
