import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../src/cli/parse.ts';
import { resolveVerb } from '../../src/cli/resolve-verb.ts';
import { SUMMARIES } from '../../src/cli/summaries.ts';
import { ALIASES, VERBS } from '../../src/cli/verbs.ts';
import { Console } from './console.ts';
import { ScriptedDaemon, tunnel } from './scripted-daemon.ts';

const VERB_NAMES = Object.keys(VERBS) as (keyof typeof VERBS)[];

describe('a command line that makes no sense', () => {
  it.each([
    { typed: 'upp figma', says: 'Did you mean `tunneld up`?' },
    { typed: 'stauts', says: 'Did you mean `tunneld status`?' },
    { typed: 'deamon start', says: 'Did you mean `tunneld daemon start`?' },
    { typed: 'tokne', says: 'Did you mean `tunneld token' },
    { typed: 'token shwo figma', says: 'Did you mean `tunneld token show`?' },
    { typed: 'token', says: 'token show, token rotate' },
    { typed: 'frobnicate', says: '`tunneld help` lists all verbs' },
    { typed: 'constructor', says: 'There is no verb "constructor"' },
    { typed: '--json status', says: 'Write the verb first' },
    { typed: 'up figma --prot 3845', says: 'Did you mean --port?' },
    { typed: 'up figma --port', says: '--port needs a value' },
    { typed: 'up figma --port --json', says: '--port needs a value, but "--json" follows' },
    { typed: 'up figma --port=', says: '--port needs a value' },
    { typed: 'up figma --port many', says: '--port=many is not a port' },
    { typed: 'up figma --port 70000', says: '65535' },
    { typed: 'up figma --port 0', says: '1 to 65535' },
    { typed: 'up figma --port 1 --url http://127.0.0.1:2', says: 'either --port or --url' },
    { typed: 'up figma --url ftp://127.0.0.1', says: 'http' },
    { typed: 'up figma --url http://192.0.2.1:1', says: '--allow-remote-upstream' },
    { typed: 'up figma --port 1 --path mcp', says: 'path that starts with /' },
    { typed: 'up figma --port 1 --probe guess', says: 'initialize' },
    { typed: 'up figma --port 1 --schedule often', says: 'cron' },
    { typed: 'up figma --port 1 --origin example.com', says: 'origin' },
    { typed: 'up figma --port 1 --sse-keep-alive never', says: 'duration' },
    { typed: 'set figma', says: 'Say what to change' },
    { typed: 'set figma path', says: '"path" is no key=value' },
    { typed: 'set figma a..b=1', says: 'a dot too many' },
    { typed: 'set figma pth=/sse', says: 'did you mean "path"' },
    { typed: 'set figma port=x', says: '--port: Expected a whole number' },
    { typed: 'set figma health.timeout=soon', says: 'health.timeout: Expected a duration' },
    { typed: 'set figma relay.token=literal-relay-token', says: 'give env:NAME or file:PATH' },
    { typed: 'set figma access.token=literal-access-token', says: 'give env:NAME or file:PATH' },
    { typed: 'set Figma_1 path=/x', says: 'lower-case' },
    { typed: 'unset figma', says: 'Say what to set back' },
    { typed: 'client figma emacs', says: 'claude-code, vscode, cursor' },
    { typed: 'up --port 1', says: 'name it' },
    { typed: 'up Figma_1 --port 1', says: 'lower-case' },
    { typed: 'up Figma_1', says: 'lower-case' },
    { typed: 'up figma notes', says: 'no use for the word "notes"' },
    { typed: 'up figma --wait=soon', says: '--wait=soon is not a duration' },
    { typed: 'up figma --wait --no-wait', says: 'contradict' },
    { typed: 'status --json=yes', says: '--json takes no value' },
    { typed: 'status --constructor', says: 'no option --constructor' },
    { typed: 'status -x', says: 'no option -x' },
    { typed: 'url', says: 'needs <name>' },
    { typed: 'down', says: '--all' },
    { typed: 'down figma --all', says: '--all' },
    { typed: 'restart', says: '--all' },
    { typed: 'logs -n few', says: 'not a number of lines' },
    { typed: 'logs --level loud', says: 'debug, info, warn, error' },
    { typed: 'logs --since yesterday', says: 'neither a duration' },
    { typed: 'token rotate figma --grace long', says: '--grace=long is not a duration' },
    { typed: 'token rotate figma --grace 90', says: 'has no unit: write 90s for seconds or 90ms' },
    { typed: 'help nothing', says: 'There is no verb "nothing"' },
  ])(
    '`tunneld $typed` exits with 2, says "$says", and asks the daemon for nothing',
    async ({ typed, says }) => {
      const daemon = new ScriptedDaemon(tunnel('figma'));
      const { code, stdout, stderr } = await (await Console.with(daemon)).type(...typed.split(' '));
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/^tunneld: (USAGE|CONFIG_INVALID|NAME_INVALID|UPSTREAM_NOT_LOOPBACK): /);
      expect(stderr).toContain(says);
      expect(stderr).toMatch(/^ {2}fix {5}\S/m);
      expect(daemon.asked).toEqual([]);
    },
  );
});

it('takes every word after -- for what it is', async () => {
  const daemon = new ScriptedDaemon(tunnel('figma'));
  const user = await Console.with(daemon);
  expect((await user.type('status', '--', '--help')).stderr).toContain('"--help"');
  expect(await user.type('url', '--json', '--', 'figma')).toMatchObject({ code: 0 });
});

it('reads a bare --wait without taking the name that follows for its value', async () => {
  const args = await parseCommandLine(await VERBS.up(), ['--wait', 'figma', '--port', '1']);
  expect(args.positionals).toEqual(['figma']);
  expect(args.text('wait')).toBe('30s');
});

it('lists every verb in its help', async () => {
  const { code, stdout } = await new Console().type('--help');
  expect(code).toBe(0);
  for (const verb of VERB_NAMES) expect(stdout).toMatch(new RegExp(`^  ${verb}\\b`, 'm'));
  for (const alias of Object.keys(ALIASES)) expect(stdout).toContain(`, ${alias} `);
});

describe.each(VERB_NAMES)('`tunneld %s`', (verb) => {
  it('explains itself, with examples that parse, in three ways', async () => {
    const user = new Console();
    const { code, stdout } = await user.type(...verb.split(' '), '--help');
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: tunneld ${verb}`);
    expect((await user.type('help', ...verb.split(' '))).stdout).toBe(stdout);
    expect((await user.type(...verb.split(' '), '-h')).stdout).toBe(stdout);

    const command = await VERBS[verb]();
    expect(SUMMARIES[verb]).toBe(command.summary);
    expect(command.name).toBe(verb);
    for (const option of Object.keys(command.options)) expect(stdout).toContain(`--${option}`);
    expect(command.examples.length).toBeGreaterThan(0);
    for (const [line] of command.examples) await parseExample(line);
  });
});

/** The part of a shell line that is ours: from `tunneld` to the pipe, bracket or redirection. */
async function parseExample(line: string): Promise<void> {
  const [, ours = ''] = /\btunneld (.*?)(?: [|>].*|\)"?.*)?$/.exec(line) ?? [];
  const resolved = await resolveVerb(ours.split(' '), { verbs: VERBS, aliases: ALIASES });
  if ('group' in resolved) throw new Error(`${line} is not complete`);
  await parseCommandLine(await resolved.load(), resolved.rest);
}
