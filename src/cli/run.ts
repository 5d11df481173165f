import { TunneldError } from '../core/errors.ts';
import { type Command, Interrupted } from './command.ts';
import type { CliIo } from './io.ts';
import { asksForHelp, asksForJson, ownWords, parseCommandLine, ValueMissing } from './parse.ts';
import { resolveVerb, verbsOf } from './resolve-verb.ts';
import { ALIASES, VERBS } from './verbs.ts';

/** Runs one command line and returns the process exit code. Never rejects. */
export async function run(words: readonly string[], io: CliIo): Promise<number> {
  let printed = false;
  const out = (line: string) => {
    printed = true;
    io.out(line);
  };
  try {
    return await dispatch(words, { ...io, out });
  } catch (thrown) {
    if (thrown instanceof Interrupted) return thrown.exitCode;
    const { asExpected } = await import('../core/system-failure.ts');
    const error = asExpected(thrown);
    if (asksForJson(words) && !(error instanceof ValueMissing && error.instead === '--json')) {
      const { exitCodeOf, failureLine } = await import('./render/failure-json.ts');
      // Behind an answer of its own it would make two documents of one.
      (printed ? io.err : io.out)(failureLine(error));
      return exitCodeOf(error);
    }
    // What a right command line does not need, it does not load: here and in the files below.
    const { describeFailure } = await import('./render/failure.ts');
    const { lines, exitCode } = describeFailure(error, io.size().columns);
    for (const line of lines) io.err(line);
    return exitCode;
  }
}

async function dispatch(words: readonly string[], io: CliIo): Promise<number> {
  const [first] = words;
  if (first === undefined || first === '--help' || first === '-h') return runVerb('help', [], io);
  if (first === '--version' || first === '-V') return runVerb('version', words.slice(1), io);
  const resolved = await resolveVerb(words, { verbs: VERBS, aliases: ALIASES });
  if ('group' in resolved) {
    if (asksForHelp(words)) return runVerb('help', [resolved.group], io);
    throw new TunneldError('USAGE', `tunneld ${resolved.group} needs a second word`, {
      remedy: `One of: ${verbsOf(resolved.group, VERBS).join(', ')}.`,
    });
  }
  const command = await resolved.load();
  if (asksForHelp(ownWords(command, resolved.rest))) return runVerb('help', resolved.verb.split(' '), io);
  return runCommand(command, resolved.rest, io);
}

async function runVerb(verb: 'help' | 'version', words: readonly string[], io: CliIo): Promise<number> {
  return runCommand(await VERBS[verb](), words, io);
}

async function runCommand(command: Command, words: readonly string[], io: CliIo): Promise<number> {
  return command.run(await parseCommandLine(command, words), io);
}
