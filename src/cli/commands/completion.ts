import { readFile } from 'node:fs/promises';
import { type Command, ExitCode, type VerbTable } from '../command.ts';
import { completionScript, SHELLS } from '../completion/scripts.ts';
import { vocabularyOf } from '../completion/vocabulary.ts';
import { usage } from '../parse.ts';
import { printable } from '../render/printable.ts';

/**
 * Completes the verbs of `table`; it is given them because it is one of them. A shell asks whenever it
 * starts: the build leaves the scripts beside the program, so that not every verb is loaded for them.
 */
export function completionFor({ verbs, aliases }: VerbTable): Command {
  const command: Command = {
    name: 'completion',
    summary: 'Print the completion script of a shell: bash, zsh or fish',
    positionals: [{ name: 'shell', required: true }],
    options: {},
    examples: [
      ['tunneld completion bash', 'For ~/.bashrc: source <(tunneld completion bash)'],
      ['tunneld completion zsh', 'For ~/.zshrc, after compinit: source <(tunneld completion zsh)'],
      ['tunneld completion fish', 'Into ~/.config/fish/completions/tunneld.fish.'],
      ['tunneld completion names', 'What the scripts ask: the names of the tunnels, one a line.'],
    ],

    async run({ positionals: [shell = ''] }, io) {
      if (shell === 'names') {
        // A completion must not complain in the middle of a command line.
        const tunnels = await (await io.daemon()).list().catch(() => []);
        for (const { name } of tunnels) io.out(printable(name));
        return ExitCode.ok;
      }
      const known = SHELLS.find((name) => name === shell);
      if (known === undefined) throw usage(command, `There is no completion for "${shell}"`);
      const built = await readFile(new URL(`../../completion.${known}`, import.meta.url), 'utf8').catch(
        () => undefined,
      );
      if (built !== undefined) {
        io.out(built.trimEnd());
        return ExitCode.ok;
      }
      const commands = await Promise.all(Object.values(verbs).map((load) => load()));
      io.out(completionScript(known, vocabularyOf(commands, aliases)).trimEnd());
      return ExitCode.ok;
    },
  };
  return command;
}
