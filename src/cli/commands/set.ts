import { checkPart } from '../check-part.ts';
import type { Command } from '../command.ts';
import { usage } from '../parse.ts';
import { SPEC_OPTIONS, specOf } from '../tunnel-options.ts';
import { WAIT_OPTIONS } from '../wait-option.ts';

export const set: Command = {
  name: 'set',
  summary: 'Change settings of a tunnel; all others stay as they are',
  positionals: [
    { name: 'name', required: true },
    { name: 'key=value', required: false, rest: true },
  ],
  trailing: { name: 'command', key: 'command' },
  options: {
    ...SPEC_OPTIONS,
    ...WAIT_OPTIONS,
    json: { type: 'boolean', summary: 'Print {"name", "changes", "status"}' },
  },
  examples: [
    ['tunneld set figma --path /sse', 'Works while it is up and while it is down.'],
    ['tunneld set figma health.timeout=30s', 'Any key of a tunnel in the config file, with its dots.'],
    [
      'tunneld set figma --provider relay --relay https://tunnel.example.com --relay-token env:TOKEN',
      'Another relay, under the same access token.',
    ],
  ],
  notes: [
    'Says what changed, old and new, and waits until the tunnel serves if it is up. `tunneld unset` sets back to the default. Secrets are given as env:NAME or file:PATH, never as they are.',
    'A tunnel of the config file is changed there; this verb says in which line. Exits like `tunneld up`.',
  ],

  async run(args, io) {
    const [name = '', ...words] = args.positionals;
    const options = specOf(args, io.cwd());
    if (options === undefined && words.length === 0) {
      throw usage(set, 'Say what to change: an option (--path /sse) or a key (health.timeout=30s)');
    }
    const part = words.length === 0 ? (options ?? {}) : await withAssignments(options ?? {}, words);
    await checkPart(name, part, 'set');
    const { changeTunnel } = await import('../change-tunnel.ts');
    return await changeTunnel('set', name, { set: part }, args, io);
  },
};

async function withAssignments(options: object, words: readonly string[]) {
  const [{ readAssignments, assertNoLiteralSecret }, { amendSpec }] = await Promise.all([
    import('../assignments.ts'),
    import('../../config/amend-spec.ts'),
  ]);
  const assigned = readAssignments(words);
  assertNoLiteralSecret(assigned);
  return { ...amendSpec(options as never, { set: assigned }) };
}
