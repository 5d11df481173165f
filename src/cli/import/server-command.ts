import { notUnderstood, type Recipe } from './recipe.ts';
import { shellWords } from './shell-words.ts';

/** What a bridge was told about the server it runs. */
export interface ServerCommand {
  /** Of one line, as a shell would read it. */
  readonly line: string;
  /** For people to see. */
  readonly from: string;
  /** Where relative paths in it begin; absent where they were those of a container. */
  readonly folder?: string;
}

/** The command of a stdio server, as words: tunneld starts it without a shell. */
export function carryCommand(
  { line, from, folder }: ServerCommand,
  env: NodeJS.ProcessEnv,
  recipe: Recipe,
): void {
  const { commands } = shellWords(line, (name) => env[name]);
  const [words = [], ...more] = commands;
  if (words.length === 0) throw notUnderstood(`${from} names no command`);
  if (more.length > 0) {
    throw notUnderstood(
      `${from} has several commands, and tunneld starts one`,
      'Put them into a script, and name the script.',
    );
  }
  const { assignments, command: written } = withoutAssignments(words);
  const command = fetched(written, recipe);
  recipe.suggestName(nameOfServer(command));
  recipe.carry(from, 'command', command);
  if (folder !== undefined) recipe.carry('this folder', 'cwd', folder);
  noteSecretArguments(command, recipe);
  for (const [name, value] of assignments) carryVariable(name, value, `${name}=… of ${from}`, recipe);
}

/** `npx --no` runs what is installed: in an image of the guides that is the server, and here it is not. */
function fetched(command: readonly string[], recipe: Recipe): readonly string[] {
  if (command[0] !== 'npx' || command[1] !== '--no') return command;
  recipe.advise('`npx --no` became `npx -y`: the package was installed in the image, and is fetched here.');
  return ['npx', '-y', ...command.slice(2)];
}

/** `--api-key KEY`: everybody on this machine can see the arguments of a program, in the file and in `ps`. */
function noteSecretArguments(command: readonly string[], recipe: Recipe): void {
  const found = command.flatMap((word, at) => {
    const [, inline] =
      /^-{1,2}[\w-]*(?:key|token|secret|passw(?:or)?d|auth)[\w-]*(?:=(.*))?$/i.exec(word) ?? [];
    if (inline !== undefined) return [inline];
    const next = command[at + 1];
    const takes = /^-{1,2}[\w-]*(?:key|token|secret|passw(?:or)?d|auth)[\w-]*$/i.test(word);
    return takes && next !== undefined && !next.startsWith('-') ? [next] : [];
  });
  for (const value of found) recipe.secret(value);
  if (found.length === 0) return;
  recipe.advise(
    'The command has what looks like a secret among its arguments, which others can see: give it to the server by `env`, if it takes it there.',
  );
}

/** A variable of the server's own: it may be a key to anything, so that its value goes into a file. */
export function carryVariable(name: string, value: string, from: string, recipe: Recipe): void {
  if (value === '') {
    recipe.leave(from, 'it has no value');
    return;
  }
  recipe.secret(value);
  if (!/^[A-Za-z_]\w*$/.test(name)) {
    recipe.leave(from, 'no variable can have this name');
    return;
  }
  recipe.carry(from, `env.${name}`, value, 'for the server alone');
}

export interface Assigned {
  readonly assignments: readonly (readonly [name: string, value: string])[];
  readonly command: readonly string[];
}

/** `KEY=value` before a command sets a variable for it alone. */
export function withoutAssignments(words: readonly string[]): Assigned {
  const end = words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word));
  const count = end === -1 ? words.length : end;
  const assignments = words.slice(0, count).map((word) => {
    const at = word.indexOf('=');
    return [word.slice(0, at), word.slice(at + 1)] as const;
  });
  return { assignments, command: words.slice(count) };
}

/** `@modelcontextprotocol/server-filesystem@1.2` → `filesystem`: what the server is about. */
function nameOfServer(command: readonly string[]): string | undefined {
  const [program = '', ...args] = command;
  const launcher = /^(?:.*\/)?(?:npx|bunx|uvx|pnpm|yarn|node|python3?|uv|deno|bun|docker|podman)$/.test(
    program,
  );
  const subject = launcher ? args.find((word) => !word.startsWith('-') && !VERBS.has(word)) : program;
  const base = subject
    ?.replace(/(?<=.)@[^@/]*$/, '')
    .replace(/\.(?:[cm]?[jt]s|py|sh)$/, '')
    .split('/')
    .filter(Boolean)
    .at(-1);
  return base?.replace(/^(?:mcp-)?server-|^mcp-|(?:-mcp)?-server$|-mcp$/g, '') || base;
}

const VERBS = new Set(['dlx', 'run', 'exec', 'tool', 'x']);
