import { parseConfig } from '../../src/config/load.ts';
import { TunneldError } from '../../src/core/errors.ts';
import { parseRelayFile } from '../../src/relayd/settings/relay-file.ts';
import { validate } from '../../src/relayd/settings/validate.ts';
import { pick, type Random, several, spoiled } from './random.ts';
import { refusedOr, type Target } from './target.ts';

/** Whatever is in tunneld.yaml: a configuration, or CONFIG_INVALID. */
export const daemonConfigs: Target = {
  name: 'tunneld.yaml',
  perThousand: 20,
  run(random) {
    const text = spoiled(random, Buffer.from(lines(random, DAEMON_LINES)), 3).toString();
    refusedOr(TunneldError, () => parseConfig(text, 'tunneld.yaml', {}));
  },
};

/** Whatever is in relay.yaml: values, and every mistake as one. */
export const relayConfigs: Target = {
  name: 'relay.yaml',
  perThousand: 20,
  run(random) {
    const text = spoiled(random, Buffer.from(lines(random, RELAY_LINES)), 3).toString();
    const said = parseRelayFile(text, 'relay.yaml');
    const { config, mistakes } = validate(said.entries, said.file, said.mistakes);
    if (mistakes.some((mistake) => mistake.text === '')) throw new Error('a mistake without a word');
    if (config === undefined && mistakes.length === 0) throw new Error('no values, and nothing is wrong');
  },
};

function lines(random: Random, from: readonly string[]): string {
  const chosen = random(4) === 0 ? several(random, from, 12) : from.filter(() => random(3) > 0);
  return chosen.join(pick(random, ['\n', '\n', '\n', '\r\n']));
}

const DAEMON_LINES = [
  'tunnels:',
  '  figma:',
  '    port: 3845',
  '    url: http://127.0.0.1:3845/mcp',
  '    provider: relay',
  '    relay: { url: "https://a.example", token: env:T }',
  '    access:',
  '      origins: [null, "https://a.example/"]',
  '      token: file:/x',
  '    health: { schedule: "* * * * * *", timeout: 10s }',
  '    limits: &l { concurrency: 5 }',
  '  "__proto__":',
  '    <<: *l',
  '  x: !!binary aGk=',
  'daemon:',
  '  healthPort: 0',
  '  log: [',
  '? a',
  '---',
  '%YAML 1.3',
  '- 1',
  '\t',
  'a: &a [*a]',
];
const RELAY_LINES = [
  'domain: tunnel.example.com',
  'port: 8080',
  'staticToken:',
  '  - file:/etc/tunneld/tokens',
  '  - "a:b"',
  'routing: path',
  'open: yes',
  'trustedProxies: [10.0.0.0/8, x]',
  'maxRequestBody: 5mb',
  'ratePerAddress: -1',
  'logSample: 1/0',
  'drainTimeout: 1h',
  'Domain: x',
  '__proto__: 1',
  'tlsCert: ~',
  'a: &a [*a]',
  '- 1',
  '---',
  '{',
  '\t',
];
