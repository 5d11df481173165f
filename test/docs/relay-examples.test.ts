import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { RELAY_KEYS, variableOf } from '../../src/relayd/settings/names.ts';
import { readRelaySettings } from '../../src/relayd/settings/read-settings.ts';
import { tempFolder } from '../helpers/temp-folder.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const ANALYZE = spawnSync('systemd-analyze', ['--version']).status === 0;

const read = (file: string) => readFileSync(join(DOCS, file), 'utf8');

/** The settings that this text of `relay.yaml` makes, with a token file that is there. */
async function settingsOf(text: string) {
  const folder = tempFolder();
  const tokens = join(folder, 'tokens');
  writeFileSync(tokens, 'a-token:alice', { mode: 0o600 });
  const file = join(folder, 'relay.yaml');
  writeFileSync(file, text.replace('/etc/tunneld/tokens', tokens), { mode: 0o600 });
  return readRelaySettings({ options: {}, env: {}, file });
}

describe('the example unit of a relay', () => {
  const unit = read('examples/relay.service').replace('/usr/bin/tunneld', process.execPath);

  it.skipIf(!ANALYZE)('passes the verification of systemd', () => {
    const file = join(tempFolder(), 'tunneld-relay.service');
    writeFileSync(file, unit);
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], {
      encoding: 'utf8',
    });
    expect(stderr.split('\n').filter((line) => line.includes('tunneld-relay.service'))).toEqual([]);
    expect(status).toBe(0);
  });

  it.skipIf(!ANALYZE)('is exposed as little as a program with network and JIT can be', () => {
    const file = join(tempFolder(), 'tunneld-relay.service');
    writeFileSync(file, unit);
    const report = execFileSync('systemd-analyze', ['security', '--offline=yes', '--no-pager', file], {
      encoding: 'utf8',
    });
    const [, score = '10'] = /Overall exposure level[^:]*: (\d+\.\d+)/.exec(report) ?? [];
    expect(Number(score)).toBeLessThanOrEqual(1.6);
  });

  it('sets only variables that have a meaning', () => {
    const known = [...RELAY_KEYS.map(variableOf), 'TUNNELD_STATE_DIR'];
    const used = unit.match(/\bTUNNELD_\w+(?==)/g) ?? [];
    expect(used.filter((variable) => !known.includes(variable))).toEqual([]);
  });
});

describe('the example files of a relay', () => {
  it('are valid settings', async () => {
    const { settings } = await settingsOf(read('examples/relay.yaml'));
    expect(settings).toMatchObject({ auth: { kind: 'static' }, logSample: 0.1 });
  });

  it('in docs/relay.md are valid settings', async () => {
    const examples = [...read('relay.md').matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
    expect(examples.length).toBeGreaterThan(0);
    for (const text of examples) await expect(settingsOf(text)).resolves.toBeDefined();
  });

  it('for compose set only variables that have a meaning', () => {
    const { services } = parse(read('examples/relay.compose.yaml')) as {
      services: { relay: { environment: Record<string, string>; image: string } };
    };
    const known: readonly string[] = RELAY_KEYS.map(variableOf);
    const { environment, image } = services.relay;
    expect(Object.keys(environment).filter((variable) => !known.includes(variable))).toEqual([]);
    expect(readFileSync(join(DOCS, '../docker/compose.yaml'), 'utf8')).toContain(`image: ${image}\n`);
  });
});
