import type { ProviderKind } from '../../providers/kind.ts';
import { KINDS } from '../../providers/kinds.ts';
import { changeTunnel } from '../change-tunnel.ts';
import type { Command, Option } from '../command.ts';
import { usage } from '../parse.ts';
import { SPEC_OPTIONS } from '../tunnel-options.ts';
import { WAIT_OPTIONS } from '../wait-option.ts';

/** The options of `up`, without a value. */
const BACK_OPTIONS: Command['options'] = Object.fromEntries(
  Object.keys(SPEC_OPTIONS).map((name) => [name, { type: 'boolean', summary: 'Set it back to its default' }]),
);

export const unset: Command = {
  name: 'unset',
  summary: 'Set settings of a tunnel back to their defaults',
  positionals: [
    { name: 'name', required: true },
    { name: 'key', required: false, rest: true },
  ],
  options: {
    ...BACK_OPTIONS,
    ...WAIT_OPTIONS,
    json: { type: 'boolean', summary: 'Print {"name", "changes", "status"}' },
  },
  examples: [
    ['tunneld unset figma --insecure-public', 'By the option that set it.'],
    [
      'tunneld unset figma health.timeout relay',
      'Or by its key, as in the config file; `relay` is all below it.',
    ],
  ],
  notes: [
    'Says what changed, old and new. Works while the tunnel is up and while it is down. Exits like `tunneld up`.',
  ],

  async run(args, io) {
    const [name = '', ...words] = args.positionals;
    const keys = [
      ...words,
      ...Object.keys(BACK_OPTIONS)
        .filter((option) => args.given(option))
        .map(keyOf),
    ];
    if (keys.length === 0) {
      throw usage(unset, 'Say what to set back: an option (--path) or a key (health.timeout)');
    }
    return await changeTunnel('unset', name, { unset: keys }, args, io);
  },
};

/** `insecure-public` → `access.insecurePublic` */
function keyOf(name: string): string {
  const option: Option | undefined = (SPEC_OPTIONS as Command['options'])[name];
  const key = option?.key ?? name;
  // Without its address nothing else about a relay has a meaning.
  const whole = (KINDS as readonly ProviderKind[]).find((kind) => key === `${kind.name}.${kind.addressKey}`);
  return whole?.name ?? key;
}
