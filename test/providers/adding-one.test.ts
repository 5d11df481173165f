import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { completionScript } from '../../src/cli/completion/scripts.ts';
import { vocabularyOf } from '../../src/cli/completion/vocabulary.ts';
import { commandHelp } from '../../src/cli/render/help.ts';
import { typedRemedy } from '../../src/cli/render/remedy.ts';
import { VERBS } from '../../src/cli/verbs.ts';
import { maskSecrets, secretValuesOf } from '../../src/config/config-secrets.ts';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { loadConfig } from '../../src/config/load.ts';
import { StateStore } from '../../src/config/state.ts';
import { parseTunnelSpec } from '../../src/config/tunnel-spec.ts';
import { upstreamOf } from '../../src/config/upstream.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Redactor } from '../../src/core/redact.ts';
import { absenceOf } from '../../src/daemon/absence.ts';
import { Definitions } from '../../src/daemon/definitions.ts';
import { providerFacts } from '../../src/daemon/provider-setup.ts';
import { UpstreamSide } from '../../src/daemon/upstream-side.ts';
import type { ProviderKind } from '../../src/providers/kind.ts';
import { HttpServer } from '../../src/servers/http/http-server.ts';
import { Console } from '../cli/console.ts';
import { ScriptedDaemon } from '../cli/scripted-daemon.ts';
import { documentedKeys } from '../docs/documented-keys.ts';
import { quiet } from '../helpers/quiet.ts';
import { tempFolder } from '../helpers/temp-folder.ts';
import { thrownBy } from '../helpers/thrown.ts';
import { fixture } from './fixture/kind.ts';

/** The one line: a new provider is a folder and its entry in the list. */
vi.mock('../../src/providers/kinds.ts', async (importOriginal) => {
  const { KINDS, ...rest } = await importOriginal<typeof import('../../src/providers/kinds.ts')>();
  const { fixture: added } = await import('./fixture/kind.ts');
  const all: readonly ProviderKind[] = [...KINDS, added];
  const find = (name: string) => all.find((kind) => kind.name === name);
  const known = (name: string) => find(name) ?? rest.kindOf(name);
  return { ...rest, KINDS: all, findKind: find, kindOf: known };
});

const spec = { port: 1, provider: 'fixture', fixture: { apiKey: 'literal-key-of-mine', zone: 'there' } };
const config = () => parseTunnelSpec('figma', spec);

it('gives a provider its keys in the configuration, unknown ones with what was meant', async () => {
  expect(config()).toMatchObject({ fixture: { apiKey: 'literal-key-of-mine', zone: 'there' } });
  const { message } = await thrownBy(() => parseTunnelSpec('figma', { ...spec, fixture: { zon: 'x' } }));
  expect(message).toContain('fixture.zon: Unknown key; did you mean "zone"?');
});

it('masks its secrets, takes them out of logs, and closes the file they are in', async () => {
  expect(maskSecrets(config())).toMatchObject({ fixture: { apiKey: '[redacted]', zone: 'there' } });
  expect(secretValuesOf(config(), {}).map((value) => value.reveal())).toEqual(['literal-key-of-mine']);
  const file = join(tempFolder(), 'tunneld.yaml');
  writeFileSync(file, JSON.stringify({ tunnels: { figma: spec } }), { mode: 0o644 });
  await loadConfig(file, { env: {} });
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it('shows its options in help and completion, and sends what they say', async () => {
  const up = await VERBS.up();
  expect(commandHelp(up, {}, 200).join('\n')).toMatch(/--fixture-key <ref> +Its key: env:NAME or file:PATH/);
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    const script = completionScript(shell, vocabularyOf([up], {}));
    expect(script).toContain('fixture-zone');
    expect(script).toContain('relay pinggy ngrok fixture');
  }
  const daemon = new ScriptedDaemon();
  const user = await Console.with(daemon);
  const typed = ['up', 'figma', '--port=1', '--provider=fixture', '--no-wait'];
  await user.type(...typed, '--fixture-key=env:KEY', '--fixture-zone=there');
  const sent = { port: 1, provider: 'fixture', fixture: { apiKey: 'env:KEY', zone: 'there' } };
  expect(daemon.asked).toEqual([['up', 'figma', sent]]);
  expect((await user.type(...typed, '--fixture-key=literal-key')).stderr).toContain('env:NAME');
  const other = ['up', 'figma', '--port=1', '--provider=relay', '--fixture-zone=x'];
  expect((await user.type(...other)).stderr).toContain('only with --provider fixture');
});

it('asks for its rows in the documentation, and is in the JSON Schema', () => {
  const rows = documentedKeys(configJsonSchema()).map(({ path }) => path);
  expect(rows).toEqual(expect.arrayContaining(['fixture.apiKey', 'fixture.zone']));
});

it('lets it refuse a tunnel before anything is changed', async () => {
  const store = new StateStore(join(tempFolder(), 'state.json'));
  const redactor = new Redactor();
  const definitions = new Definitions({
    store,
    env: {},
    redactor,
    clock: systemClock,
    onNote: () => {},
    log: quiet,
  });
  definitions.assertUsable(config());
  const without = parseTunnelSpec('figma', { port: 1, provider: 'fixture' });
  expect((await thrownBy(() => definitions.assertUsable(without))).code).toBe('CREDENTIAL_REJECTED');
});

it('makes another provider of it when one of its own options changes, and of no other key', () => {
  const facts = (change: object) => providerFacts(fixture, parseTunnelSpec('figma', { ...spec, ...change }));
  expect(facts({ fixture: { ...spec.fixture, zone: 'elsewhere' } })).not.toEqual(facts({}));
  expect(facts({ access: { origins: ['https://a.example'] }, health: { timeout: '5s' } })).toEqual(facts({}));
});

it('makes its remedies typable, and has its own errors judged as it says', () => {
  const typed = typedRemedy('Move it with `fixture.zone: there`.', 'figma');
  expect(typed).toContain('`tunneld set figma fixture.zone=there`');
  const lastError = { code: 'SESSION_LOST', message: 'It failed.', remedy: '', at: 0 };
  const parts = { state: 'backing-off', cause: '', planned: false, online: true } as const;
  expect(absenceOf({ ...parts, lastError }).verdict).toBe('limited');
});

it.each([
  ['fixture', '127.0.0.1'],
  ['ngrok', '203.0.113.7'],
])('believes the forwarded address that %s lets through only if its edge writes it', async (name, client) => {
  const clients: string[] = [];
  const optionsOf = (provider: string) => parseTunnelSpec('figma', { port: 1, provider });
  const open = async (provider: string) => {
    const side = await UpstreamSide.open({
      name: 'figma',
      instance: '0123456789abcdef',
      config: optionsOf(provider),
      server: new HttpServer(upstreamOf(optionsOf(provider))),
      external: true,
      preferredPort: undefined,
      clock: systemClock,
      random: () => 0,
      log: quiet,
      token: () => undefined,
      authorization: undefined,
      online: () => true,
      onRequest: ({ client }) => void clients.push(client),
      onReport: () => {},
      onReplace: () => {},
      onExposed: () => {},
    });
    onTestFinished(() => side.close());
    return side;
  };
  const visit = async (side: UpstreamSide) =>
    (await fetch(new URL('/mcp', side.gatewayUrl), { headers: { 'x-forwarded-for': '203.0.113.7' } })).text();
  await visit(await open(name));
  // A provider may also be changed below a side that stays.
  const kept = await open(name === 'ngrok' ? 'fixture' : 'ngrok');
  kept.reconfigure({ config: optionsOf(name), authorization: undefined });
  await visit(kept);
  await vi.waitFor(() => expect(clients).toEqual([client, client]));
});
