import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { holdsLiteralSecret, masked, maskSecrets, secretValuesOf } from '../../src/config/config-secrets.ts';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { loadConfig } from '../../src/config/load.ts';
import { configSchema } from '../../src/config/schema.ts';
import { afterColon, type SecretField, secret, secretFieldsOf } from '../../src/config/secret-fields.ts';
import { parseTunnelSpec } from '../../src/config/tunnel-spec.ts';
import { tempFolder } from '../helpers/temp-folder.ts';

const MARKER = 'marker-0123456789';
const REFERENCE = 'env:MARKER';

const fields = secretFieldsOf(configSchema).map((field) => [field.path.join('.'), field] as const);

/** A configuration with nothing but this one secret in it. */
function planted({ path, find }: SecretField, value: string): unknown {
  // What a key may look like: the value alone, after a name, as an option of Pinggy, in a rule of ngrok.
  const texts = [value, `name: ${value}`, `name:${value}`, `k:${value}`];
  const text = texts.find((written) => {
    const part = find(written, []);
    return part !== undefined && written.slice(part.start) === value;
  });
  const leaf = text ?? [{ actions: [{ type: 'any', config: { credentials: [value] } }] }];
  return path.reduceRight<unknown>((inner, key, at) => {
    if (key !== '*') return { [key]: inner };
    return path[at - 1] === 'tunnels' ? { figma: inner } : [inner];
  }, leaf);
}

it('are found in every part of the schema', () => {
  expect(fields.map(([path]) => path)).toEqual(
    expect.arrayContaining([
      'tunnels.*.access.token',
      'tunnels.*.relay.token',
      'tunnels.*.pinggy.token',
      'tunnels.*.pinggy.keys.*',
      'tunnels.*.pinggy.basicAuth.*',
      'tunnels.*.pinggy.setHeaders.*',
      'tunnels.*.pinggy.args.*',
      'tunnels.*.ngrok.authtoken',
      'tunnels.*.ngrok.basicAuth.*',
      'tunnels.*.ngrok.trafficPolicy.on_http_request',
    ]),
  );
});

it('are marked wherever the name of a key speaks of one', () => {
  const marked = new Set(fields.flatMap(([, { path }]) => path));
  const known = ['queryToken', 'passPreflight', 'knownHosts', 'edgeAuth'];
  const suspects = [...namesIn(configJsonSchema())].filter(
    (name) =>
      /token|secret|passw|auth|credential|key|headers/i.test(name) && !/hostHeader|removeHeaders/.test(name),
  );
  expect(
    suspects.filter((name) => !marked.has(name) && !known.includes(name) && name !== 'sseKeepAlive'),
  ).toEqual([]);
});

function* namesIn(node: unknown): Iterable<string> {
  if (typeof node !== 'object' || node === null) return;
  for (const [key, value] of Object.entries(node)) {
    if (key === 'properties') yield* Object.keys(value as object);
    yield* namesIn(value);
  }
}

it.each(fields)('%s is masked as a literal, and shown as a reference', (_path, field) => {
  const shown = JSON.stringify(masked(configSchema, planted(field, MARKER)));
  expect(shown).not.toContain(MARKER);
  expect(shown).toContain('[redacted]');
  const reference = planted(field, REFERENCE);
  expect(masked(configSchema, reference)).toEqual(reference);
});

it.each(fields)('%s as a literal closes the file it is in, valid or not', async (_path, field) => {
  expect(await modeWith(planted(field, MARKER))).toBe(0o600);
  expect(await modeWith({ ...(planted(field, MARKER) as object), mistake: true })).toBe(0o600);
  expect(await modeWith(planted(field, REFERENCE))).toBe(0o644);
});

async function modeWith(config: unknown): Promise<number> {
  const file = join(tempFolder(), 'tunneld.yaml');
  writeFileSync(file, JSON.stringify(config), { mode: 0o644 });
  await loadConfig(file, { env: {} }).catch(() => {});
  return statSync(file).mode & 0o777;
}

it.each(fields)(
  '%s is among the values that are taken out of logs when it is a reference',
  (_path, field) => {
    const { tunnels } = planted(field, REFERENCE) as { tunnels: { figma: never } };
    const values = secretValuesOf(tunnels.figma, { MARKER }).map((value) => value.reveal());
    expect(values).toContain(MARKER);
  },
);

it('leaves out what cannot be read: whoever needs it says so', () => {
  const config = parseTunnelSpec('figma', { port: 1, provider: 'ngrok', ngrok: {} });
  expect(secretValuesOf(config, {})).toEqual([]);
});

it('takes the password out of logs whether it stands alone or in a pair', () => {
  const ngrok = { basicAuth: ['env:PAIR', 'ben:env:PASSWORD', 'eve:in-the-file'] };
  const config = parseTunnelSpec('figma', { port: 1, provider: 'ngrok', ngrok });
  const env = { PAIR: 'anna:pair-value', PASSWORD: 'password-value' };
  const values = secretValuesOf(config, env).map((value) => value.reveal());
  expect(values).toEqual(expect.arrayContaining(['pair-value', 'password-value', 'in-the-file']));
});

it('leaves everyday words in logs, where a header or a rule is a literal', () => {
  const pinggy = { setHeaders: ['X-Stage: production'], args: ['a:Accept:anything', 'k:edge-key'] };
  const config = parseTunnelSpec('figma', { port: 1, provider: 'pinggy', pinggy });
  expect(secretValuesOf(config, {}).map((value) => value.reveal())).toEqual(['edge-key']);
});

it('shows names and users, and nothing after them', () => {
  const pinggy = {
    token: 'MARKER1',
    keys: ['MARKER2', 'env:KEY'],
    basicAuth: ['ann:MARKER3', 'bob:env:PASSWORD'],
    setHeaders: ['X-Key: MARKER4', 'X-Other: file:/key'],
    args: ['k:MARKER5', 'b:eve:MARKER6', 'u:X-Key:MARKER7', 'x:fullurl'],
  };
  const ngrok = {
    authtoken: 'MARKER8',
    basicAuth: ['env:PAIR', 'eve:MARKER9'],
    trafficPolicy: {
      on_http_request: [
        { expressions: ['true'], actions: [{ type: 'basic-auth', config: { credentials: ['a:MARKER10'] } }] },
      ],
    },
  };
  const shown = {
    ...maskSecrets(parseTunnelSpec('figma', { port: 1, provider: 'ngrok', ngrok })),
    pinggy: maskSecrets(parseTunnelSpec('figma', { port: 1, provider: 'pinggy', pinggy })).pinggy,
  };
  expect(shown.pinggy).toMatchObject({
    token: '[redacted]',
    keys: ['[redacted]', 'env:KEY'],
    basicAuth: ['ann:[redacted]', 'bob:env:PASSWORD'],
    setHeaders: ['X-Key: [redacted]', 'X-Other: file:/key'],
    args: ['k:[redacted]', 'b:eve:[redacted]', 'u:X-Key:[redacted]', 'x:fullurl'],
  });
  expect(shown.ngrok).toMatchObject({
    authtoken: '[redacted]',
    basicAuth: ['env:PAIR', 'eve:[redacted]'],
    trafficPolicy: {
      on_http_request: [
        { expressions: ['true'], actions: [{ type: 'basic-auth', config: { credentials: ['[redacted]'] } }] },
      ],
    },
  });
});

it('may be of any shape, and change nothing but the texts that hold one', () => {
  expect(masked(configSchema, null)).toBe(null);
  expect(masked(configSchema, { tunnels: [1, 'two'] })).toEqual({ tunnels: [1, 'two'] });
  expect(holdsLiteralSecret({ tunnels: { figma: { access: { token: 12 } } } })).toBe(false);
  const config = parseTunnelSpec('figma', { port: 1 });
  expect(maskSecrets(config)).toEqual(config);
});

it('are found under every wrapper a key can have', () => {
  const schema = z.strictObject({
    a: secret(z.string()).min(1).optional().describe('a'),
    b: z.union([z.literal('off'), secret(z.string(), afterColon)]).default('off'),
    c: z.record(z.string(), z.array(secret(z.string()))).prefault({}),
    d: z.string().nullable(),
  });
  expect(secretFieldsOf(schema).map(({ path }) => path.join('.'))).toEqual(['a', 'b', 'c.*.*']);
});

it('cannot hide in a kind of key that the walk does not know', () => {
  expect(() => secretFieldsOf(z.strictObject({ pair: z.tuple([secret(z.string())]) }))).toThrow(
    /tuple.*pair/,
  );
});
