import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TRANSITIONS } from '../src/daemon/tunnel-state.ts';
import { FINDINGS } from '../src/health/probe-result.ts';
import { importsOf } from './helpers/source-imports.ts';

const ROOT = resolve(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');

/** Who may import whom. A folder may always import itself and `core`. ARCHITECTURE.md prints it. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  access: [],
  'config/fields': [],
  'config/reading': ['config/fields'],
  config: ['config/fields', 'config/reading', 'providers/kinds'],
  http1: [],
  health: ['http1'],
  control: [],
  gateway: ['access', 'http1'],
  relay: ['access', 'http1'],
  'mcp-tunnel': ['access', 'http1', 'relay'],
  'providers/kinds': ['access', 'config/fields', 'providers', 'relay'],
  providers: ['config/fields', 'mcp-tunnel', 'providers/kinds', 'relay'],
  relayd: ['access', 'config/fields', 'config/reading', 'http1', 'mcp-tunnel', 'relay'],
  service: ['config', 'config/reading'],
  cli: ['config', 'config/fields', 'config/reading', 'control', 'providers/kinds', 'relayd', 'service'],
  demo: [],
  servers: [],
  daemon: [
    'access',
    'config',
    'config/fields',
    'config/reading',
    'control',
    'gateway',
    'health',
    'providers/kinds',
    'relay',
    'servers',
  ],
};

/** Parts of a folder with rules of their own: what others may know of it. */
const ROOMS: readonly (readonly [room: string, files: RegExp])[] = [
  ['config/fields', /^config\/(?:fields|secret-fields|access-token|expected|option-row)\.ts$/],
  [
    'config/reading',
    /^config\/(?:yaml-text|mistakes|schema-forms|typed-text|spell-keys|regular-file|private-files|secrets|paths)\.ts$/,
  ],
  ['providers/kinds', /^providers\/(?:kinds?|provider|[^/]+\/kind)\.ts$/],
];

/** The imports of `file` that the table does not allow, as `layer/file`. */
function strays(file: string, source: string): string[] {
  const layer = layerOf(file);
  const allowed = new Set(['core', layer, ...(MAY_IMPORT[layer] ?? [])]);
  return importsOf(source)
    .map(({ specifier }) => specifier)
    .filter((path) => path.startsWith('.'))
    .map((path) => resolve(dirname(file), path))
    .filter((target) => !allowed.has(layerOf(target)))
    .map((target) => relative(SRC, target));
}

function layerOf(file: string): string {
  const path = relative(SRC, file).split(sep).join('/');
  return ROOMS.find(([, files]) => files.test(path))?.[0] ?? path.split('/')[0] ?? '';
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(SRC, name));

const read = (file: string) => readFileSync(file, 'utf8');

describe('the layers', () => {
  it.each(files.map((file) => relative(ROOT, file)))('%s imports only what its layer may', (name) => {
    const file = join(ROOT, name);
    expect(Object.keys(MAY_IMPORT)).toContain(layerOf(file));
    expect(strays(file, read(file))).toEqual([]);
  });

  it.each([
    `import '../daemon/x.ts';`,
    `import { x } from '../daemon/x.ts';`,
    `import x, {\n  type Y,\n} from '../daemon/x.ts';`,
    `import type { X } from '../daemon/x.ts';`,
    `import * as x from "../daemon/x.ts";`,
    `export * from '../daemon/x.ts';`,
    `export { x } from '../daemon/x.ts';`,
    `export type { X } from '../daemon/x.ts';`,
    `const x = await import('../daemon/x.ts');`,
    `const x = () => import(\n  '../daemon/x.ts'\n);`,
    'const x = await import(`../daemon/x.ts`);',
    `type X = import('../daemon/x.ts').X;`,
    `const a = 1; import '../daemon/x.ts';`,
    `import{x}from'../daemon/x.ts';`,
  ])('are broken by %j', (source) => {
    expect(strays(join(SRC, 'core', 'fault.ts'), source)).toEqual([join('daemon', 'x.ts')]);
    expect(strays(join(SRC, 'daemon', 'fine.ts'), source.replace('../daemon', '.'))).toEqual([]);
  });

  it('do not mind what a comment or a text says', () => {
    const source = `/** import '../daemon/x.ts' */\n// import '../daemon/x.ts';\nconst from = '../daemon/x.ts';`;
    expect(strays(join(SRC, 'core', 'fine.ts'), source)).toEqual([]);
  });

  it('compare secrets in one folder only', () => {
    const comparing = files.filter((file) => read(file).includes('timingSafeEqual'));
    expect(comparing.map(layerOf)).toEqual(['access']);
  });

  it('are all in the table, and no more than there are', () => {
    const folders = readdirSync(SRC, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const rooms = ROOMS.map(([room]) => room);
    expect([...folders.map(({ name }) => name), ...rooms].sort()).toEqual(Object.keys(MAY_IMPORT).sort());
  });
});

describe('what every command loads', () => {
  /** Packages that loading `entry` loads: types are not loaded, and what is imported later is not either. */
  function packagesBehind(entry: string): string[] {
    const seen = new Set<string>();
    const packages = new Set<string>();
    const visit = (file: string) => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const { specifier: path, kind } of importsOf(read(file))) {
        if (kind !== 'now') continue;
        if (path.startsWith('.')) visit(resolve(dirname(file), path));
        else if (!path.startsWith('node:')) packages.add(path);
      }
    };
    visit(join(SRC, entry));
    return [...packages];
  }

  it('is Node itself and next to nothing else', () => {
    expect(packagesBehind('control/client.ts')).toEqual([]);
    expect(packagesBehind('config/paths.ts')).toEqual([]);
    // `picocolors` and `ms` are a few KB and are read by everything that prints.
    for (const entry of ['cli/main.ts', 'cli/commands/status.ts', 'cli/commands/url.ts']) {
      expect(['picocolors', 'ms']).toEqual(expect.arrayContaining(packagesBehind(entry)));
    }
  });

  /** Node remembers for good that a module could not be opened, as when descriptors are short. */
  it('by a long-lived program is imported at its start, or with the first tunnel that needs it', () => {
    const late = files.filter((file) => importsOf(read(file)).some(({ kind }) => kind === 'later'));
    const programs = /^(?:cli|service|demo)$/;
    expect(
      late
        .filter((file) => !programs.test(layerOf(file)))
        .map((file) => relative(SRC, file))
        .filter((name) => !/^providers\/[^/]+\/kind\.ts$/.test(name))
        .sort(),
    ).toEqual([
      'core/local-endpoint.ts',
      'daemon/health-endpoint.ts',
      'daemon/main.ts',
      'health/http-asker.ts',
      // A process of its own, for each session.
      'providers/ngrok/worker.ts',
      'relayd/acme/acme-issuer.ts',
      'relayd/admin-endpoint.ts',
    ]);
  });

  it('of everything that is known of providers is light: they are loaded by the tunnels that use them', () => {
    expect(packagesBehind('providers/kinds.ts').sort()).toEqual(['ms', 'node-cron', 'zod']);
  });

  it('for servers that are programs, the daemon leaves to the process that starts them', () => {
    expect(packagesBehind('daemon/local-server.ts')).not.toContain('execa');
    expect(packagesBehind('servers/host/keeper.ts')).toEqual([]);
    expect(packagesBehind('servers/host/main.ts')).toContain('execa');
  });

  it('would be noticed if it grew', () => {
    expect(packagesBehind('config/load.ts')).toEqual(expect.arrayContaining(['zod', 'yaml', 'node-cron']));
    expect(packagesBehind('control/server.ts')).toContain('fastify');
  });
});

describe('ARCHITECTURE.md', () => {
  const page = read(join(ROOT, 'ARCHITECTURE.md'));

  /** The body of the table whose head begins with these cells, as rows of cells. */
  function table(...head: string[]): string[][] {
    const lines = page.split('\n');
    const at = lines.findIndex((line) => line.startsWith(`| ${head.join(' | ')} |`));
    const body = lines.slice(at + 2);
    return body
      .slice(
        0,
        body.findIndex((line) => !line.startsWith('|')),
      )
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
  }

  it('prints the layers as they are enforced', () => {
    const printed = table('folder', 'may import').map(([folder = '', may = '']) => [
      folder,
      may === 'nothing' ? [] : may.split(', '),
    ]);
    expect(Object.fromEntries(printed)).toEqual(MAY_IMPORT);
  });

  it('prints the states of a tunnel as the code has them', () => {
    const printed = table('in state', 'on', 'goes to').flatMap(([state = '', event = '', next = '']) =>
      event.split(', ').map((name) => `${state} + ${name} = ${next}`),
    );
    const coded = Object.entries(TRANSITIONS).flatMap(([state, row]) =>
      Object.entries(row).map(([event, next]) => `${state} + ${event} = ${next}`),
    );
    expect(printed.map((line) => line.replaceAll('`', '')).sort()).toEqual(coded.sort());
  });

  it('prints what every finding means', () => {
    const printed = table('finding', 'meaning of the leg').flatMap(([findings = '', meaning = '']) =>
      findings.split(', ').map((finding) => [finding, meaning]),
    );
    const coded = Object.entries(FINDINGS).map(([finding, row]) => [finding, row.meaning]);
    expect(Object.fromEntries(printed)).toEqual(Object.fromEntries(coded));
  });

  it('names only files and folders that exist', () => {
    const named = [...page.matchAll(/`((?:src|test|docs|bench|scripts)\/[\w./-]+)`/g)].map(
      ([, path]) => path ?? '',
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});
