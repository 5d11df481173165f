import { VERSION } from '../../core/version.ts';
import type { Command } from '../command.ts';
import { usageOf } from '../parse.ts';
import { spelling } from './help.ts';

/** `tunneld(1)` in the man macros, from the same data as `--help`. */
export function manPage(commands: readonly Command[]): string {
  return `${[
    `.TH TUNNELD 1 "" "tunneld ${VERSION}" "User Commands"`,
    '.SH NAME',
    'tunneld \\- keep a public URL in front of a local MCP server',
    '.SH SYNOPSIS',
    '.B tunneld',
    '.I verb',
    '[options]',
    '.SH VERBS',
    ...commands.flatMap(section),
    '.SH EXIT STATUS',
    '0 done; 1 no, or failed; 2 usage or configuration; 3 not found; 4 no daemon; 5 timed out.',
  ].join('\n')}\n`;
}

function section(command: Command): readonly string[] {
  const options = Object.entries(command.options).flatMap(([name, option]) => [
    '.TP',
    `.B ${escaped(spelling(name, option))}`,
    escaped(option.summary),
  ]);
  return [
    `.SS ${escaped(command.name)}`,
    escaped(`${command.summary}.`),
    '.PP',
    `.B ${escaped(usageOf(command))}`,
    ...options,
    ...(command.notes ?? []).flatMap((note) => ['.PP', escaped(note)]),
    ...command.examples.flatMap(([line, effect]) => ['.PP', `.B ${escaped(line)}`, '.br', escaped(effect)]),
  ];
}

/** A line that begins with a dot or a quote would be a macro; a bare dash is a hyphen; the input is ASCII. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/, '\\&')
    .replaceAll('"', '\\(dq')
    .replace(/[^ -~\n\t]/gu, (character) => `\\[u${hex(character)}]`);
}

function hex(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
}
