// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of a shell
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { shellWords } from '../../../src/cli/import/shell-words.ts';

const VARIABLES: Readonly<Record<string, string>> = {
  HOME: '/home/ann',
  PORT: '3845',
  SEVERAL: ' two  words ',
  EMPTY: '',
};
const split = (line: string) => shellWords(line, (name) => VARIABLES[name]);

const LINES = [
  'one two  three',
  '  leading and trailing  ',
  '\'single quotes\' "double quotes"',
  `a'b'"c"d`,
  `'' "" empty`,
  'back\\ slash \\"quoted\\"',
  '"inside \\" \\$ \\\\ \\x"',
  "'no \\escape'",
  'folded \\\nline',
  '"folded \\\nline in quotes"',
  'word # a comment',
  'word#none',
  '-R0:127.0.0.1:$PORT k:${PORT}x',
  '"$PORT" \'$PORT\'',
  '$SEVERAL x$SEVERAL"$SEVERAL"',
  '$EMPTY "$EMPTY" x$EMPTY',
  '~/folder x~ "~"',
  'cost 5$ $',
  'a=b {x} "{a,b}" \'*\'',
  'tab\tbetween',
];

it.each(LINES)('splits %j as a shell does', (line) => {
  const script = `printf '%s\\0' ${line}\n`;
  const printed = execFileSync('sh', ['-c', script], { env: VARIABLES, encoding: 'utf8' });
  expect(split(line).commands).toEqual([printed.split('\0').slice(0, -1)]);
});

it.each([
  ['one & two', [['one'], ['two']]],
  ['one && two', [['one'], ['two']]],
  ['one; two', [['one'], ['two']]],
  ['# why\none\n\ntwo', [['one'], ['two']]],
  ['one\r\ntwo \\\r\nthree', [['one'], ['two', 'three']]],
  ['one &', [['one']]],
  ['', []],
])('finds the commands of %j', (line, commands) => {
  expect(split(line).commands).toEqual(commands);
});

it('says which variables it put in', () => {
  expect(split('$PORT "${HOME}" $PORT').variables).toEqual(['PORT', 'HOME']);
});

it.each([
  ['run $(cat token)', 'a command in $( )'],
  ['run "$(cat token)"', 'a command in $( )'],
  ['run `cat token`', 'a command in backticks'],
  ['run "`cat token`"', 'a command in backticks'],
  ['run ${TOKEN:-x}', 'a variable with a rule'],
  ['run $1', 'a special use of $'],
  ["run $'x'", 'a special use of $'],
  ['run *.env', 'a pattern for file names'],
  ['run file?', 'a pattern for file names'],
  ['run [ab]', 'a pattern for file names'],
  ['run {a,b}', 'a list in braces'],
  ['run {1..3}', 'a list in braces'],
  ['run | tee log', 'a pipe'],
  ['run > log', 'a redirection'],
  ['run &> log', 'a redirection'],
  ['run < in', 'a redirection'],
  ['(run)', 'a subshell'],
  ["run 'open", "a ' that is never closed"],
  ['run "open', 'a " that is never closed'],
  ['run \\', 'a backslash at the end'],
  ['run “quoted”', 'a typographic quote'],
  ['run –stdio', 'a typographic quote, dash'],
  ['run\u0000x', 'a control character'],
])('refuses %j, and says where', (line, what) => {
  expect(() => split(line)).toThrow(what);
  expect(() => split(line)).toThrow(/at character \d+/);
});

it('names every variable that is not set', () => {
  expect(() => split('$NOPE "$NEITHER" $PORT')).toThrow('$NOPE, $NEITHER, which are not set in this shell');
});

it('never quotes the line in what it says', () => {
  for (const line of ['k:my-secret `x`', "k:my-secret 'x", 'k:my-secret *', 'k:my-secret ${x:-my-secret}']) {
    let message = '';
    try {
      split(line);
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain('at character');
    expect(message).not.toContain('my-secret');
  }
});
