import { isDeepStrictEqual } from 'node:util';
import type { ProviderKind } from '../providers/kind.ts';
import { DEFAULT_PROVIDER, KINDS } from '../providers/kinds.ts';
import type { TunnelSpec } from './schema.ts';
import { secretFieldsOf } from './secret-fields.ts';
import { COMMAND_ONLY } from './server-keys.ts';
import { pathInUrl, withPath } from './upstream-url.ts';

/** What somebody wants to be different about a tunnel; everything else stays as it is. */
export interface Amendment {
  /** Keys of a tunnel with their new values, nested as in the config file. */
  readonly set?: Readonly<Record<string, unknown>> | undefined;
  /** Keys that go back to their defaults, as `access.queryToken`. */
  readonly unset?: readonly string[] | undefined;
}

type Keys = Record<string, unknown>;

/**
 * The definition with the amendment in it, not yet validated. A key whose meaning depends on a
 * changed one follows it: `port`, `url`, `sse` and `command` replace each other, and no credential of one relay is
 * taken along to another.
 */
export function amendSpec(before: TunnelSpec, { set = {}, unset = [] }: Amendment): TunnelSpec {
  const spec = structuredClone(before) as Keys;
  const given = structuredClone(set) as Keys;
  moveUpstream(spec, given);
  leaveProvider(spec, given);
  leaveAddress(spec, given);
  merge(spec, given);
  for (const key of unset) remove(spec, key.split('.'));
  return spec as TunnelSpec;
}

/** One key of two definitions that differs; a value that is not set is undefined. */
export interface SpecDifference {
  readonly key: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** Every key that holds another value, in the order of its name. */
export function differences(before: TunnelSpec, after: TunnelSpec): readonly SpecDifference[] {
  const [from, to] = [flat(before), flat(after)];
  return [...new Set([...from.keys(), ...to.keys()])]
    .filter((key) => !isDeepStrictEqual(from.get(key), to.get(key)))
    .sort()
    .map((key) => ({ key, from: from.get(key), to: to.get(key) }));
}

/** Every value by its key, as `access.queryToken`. A list is one value. */
export function flat(spec: object, prefix = ''): ReadonlyMap<string, unknown> {
  const entries = Object.entries(spec).flatMap(([name, value]) => {
    const key = prefix + name;
    if (value === undefined) return [];
    return isKeys(value) ? [...flat(value, `${key}.`)] : [[key, value] as const];
  });
  return new Map(entries);
}

/** The address of the server is one thing, however it is written. */
function moveUpstream(spec: Keys, given: Keys): void {
  const url = spec['url'];
  if (given['command'] !== undefined) {
    for (const key of ['port', 'url', 'sse', 'hostHeader']) if (given[key] === undefined) delete spec[key];
    // Another program has no use for the settings of the last one.
    if (!isDeepStrictEqual(spec['command'], given['command'])) delete spec['env'];
    return;
  }
  if (['port', 'url', 'sse'].some((key) => given[key] !== undefined)) {
    for (const key of ['command', 'sse', ...COMMAND_ONLY]) if (given[key] === undefined) delete spec[key];
  }
  if (given['sse'] !== undefined) {
    for (const key of ['port', 'url']) if (given[key] === undefined) delete spec[key];
    return;
  }
  if (given['port'] !== undefined && given['url'] === undefined && url !== undefined) {
    // The path was in the URL, and only the port is to be another.
    const path = pathInUrl(url);
    delete spec['url'];
    if (path !== undefined) spec['path'] = path;
  }
  if (given['url'] !== undefined) {
    if (given['port'] === undefined) delete spec['port'];
    if (pathInUrl(given['url']) !== undefined) delete spec['path'];
  } else if (typeof given['path'] === 'string' && pathInUrl(spec['url']) !== undefined) {
    spec['url'] = withPath(String(spec['url']), given['path']);
    delete spec['path'];
    // What is no path is left for the schema to complain about.
    if (given['path'].startsWith('/')) delete given['path'];
  }
}

/** The settings of the provider that was left mean nothing to the next one. */
function leaveProvider(spec: Keys, given: Keys): void {
  const [before, after] = [spec['provider'] ?? DEFAULT_PROVIDER, given['provider']];
  if (after === undefined || after === before) return;
  delete spec[String(before)];
}

/** A relay's token is for the relay that gave it. */
function leaveAddress(spec: Keys, given: Keys): void {
  for (const { name, schema, addressKey } of KINDS as readonly ProviderKind[]) {
    const [before, after] = [spec[name], given[name]];
    if (addressKey === undefined || !isKeys(before) || !isKeys(after)) continue;
    if (after[addressKey] === undefined || after[addressKey] === before[addressKey]) continue;
    for (const { path } of secretFieldsOf(schema)) delete before[path[0] ?? ''];
  }
}

function merge(into: Keys, given: Keys): void {
  for (const [key, value] of Object.entries(given)) {
    const known = Object.hasOwn(into, key) ? into[key] : undefined;
    if (isKeys(value) && isKeys(known)) merge(known, value);
    else Object.defineProperty(into, key, { value, enumerable: true, configurable: true, writable: true });
  }
}

/** Takes the key away, and those around it that are empty then. */
function remove(spec: Keys, [first = '', ...rest]: readonly string[]): void {
  const inner = Object.hasOwn(spec, first) ? spec[first] : undefined;
  if (rest.length > 0 && !isKeys(inner)) return;
  if (rest.length > 0) remove(inner as Keys, rest);
  if (rest.length === 0 || Object.keys(inner as Keys).length === 0) delete spec[first];
}

function isKeys(value: unknown): value is Keys {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
