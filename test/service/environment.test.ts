import { mkdirSync, readFileSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeEnvironmentFile } from '../../src/service/environment-file.ts';
import { stableNode } from '../../src/service/stable-node.ts';
import { tempFolder } from '../helpers/temp-folder.ts';

it('keeps what the configuration refers to, and the way to the internet, for the daemon of the service', () => {
  const file = join(tempFolder(), 'tunneld', 'environment');
  const config =
    'tunnels: { figma: { port: 1, relay: { url: "https://r.example", token: env:RELAY_TOKEN } } }';
  const env = {
    RELAY_TOKEN: 'tok"en$\\x',
    HTTPS_PROXY: 'http://user:pass@proxy:3128',
    NODE_EXTRA_CA_CERTS: '/etc/ca.pem',
    UNRELATED: 'secret',
  };
  expect(writeEnvironmentFile(file, config, env)).toEqual([
    'RELAY_TOKEN',
    'NODE_EXTRA_CA_CERTS',
    'HTTPS_PROXY',
  ]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8')).toBe(
    [
      'RELAY_TOKEN="tok\\"en\\$\\\\x"',
      'NODE_EXTRA_CA_CERTS="/etc/ca.pem"',
      'HTTPS_PROXY="http://user:pass@proxy:3128"',
      '',
    ].join('\n'),
  );
  // Done again: nothing is new; what this shell does not have stays.
  expect(writeEnvironmentFile(file, config, env)).toEqual([]);
  expect(writeEnvironmentFile(file, config, { RELAY_TOKEN: 'next' })).toEqual(['RELAY_TOKEN']);
  expect(readFileSync(file, 'utf8')).toContain('HTTPS_PROXY=');
  expect(readFileSync(file, 'utf8').match(/RELAY_TOKEN/g)).toHaveLength(1);
});

it('runs the Node that an upgrade keeps, where this one has such a path', () => {
  const folder = realpathSync(tempFolder());
  const [cellar, bin, other] = ['Cellar/node/25.1.0/bin', 'bin', 'other'].map((name) => join(folder, name));
  for (const path of [cellar, bin, other]) mkdirSync(path ?? '', { recursive: true });
  const node = join(cellar ?? '', 'node');
  writeFileSync(node, '');
  writeFileSync(join(other ?? '', 'node'), '');
  symlinkSync(node, join(bin ?? '', 'node'));
  expect(stableNode(`${other}:${cellar}:${bin}`, node)).toBe(join(bin ?? '', 'node'));
  expect(stableNode(`${other}`, node)).toBe(node);
  expect(stableNode(undefined, node)).toBe(node);
});
