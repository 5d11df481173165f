import { readPinggyContainer, readReplacedContainer } from './docker-flags.ts';
import { type DockerLine, readDockerWords } from './docker-line.ts';
import { type GuideValue, isGuideKey } from './guide-keys.ts';
import { readNgrokWords } from './ngrok-line.ts';
import { readPinggyWords } from './pinggy-line.ts';
import { notUnderstood, type Recipe } from './recipe.ts';
import { carryVariable, withoutAssignments } from './server-command.ts';
import { readSupergatewayWords } from './supergateway-line.ts';

export interface CommandContext {
  readonly env: NodeJS.ProcessEnv;
  readonly recipe: Recipe;
  /** Variables for an image of the guides; they are read when all lines are. */
  readonly variables: Map<string, GuideValue>;
  /** Adds what a file of variables says. */
  readVariables(file: string): void;
}

/** Reads one command of the lines that were given. @throws {TunneldError} `IMPORT_NOT_UNDERSTOOD` */
export function readCommand(words: readonly string[], context: CommandContext): void {
  const { env, recipe } = context;
  const { assignments, command } = withoutAssignments(words[0] === '$' ? words.slice(1) : words);
  const [program = '', ...args] = command;
  const name = program.replace(/^.*\//, '').replace(/(?<=.)@[\w.-]+$/, '');
  const own = [...assignments];
  if (name === 'docker' || name === 'podman') readDocker(readDockerWords(args), context);
  else if (name === 'ssh') readSsh(args, recipe);
  else if (name === 'pinggy') readPinggyWords(args, recipe);
  else if (name === 'ngrok') readNgrokWords(args, recipe);
  else if (name === 'supergateway') {
    readSupergatewayWords(args, { env, folder: process.cwd() }, recipe);
    // What is set for the bridge is there for the server that it starts.
    for (const [variable, value] of own.splice(0)) carryVariable(variable, value, `${variable}=…`, recipe);
  } else if (WRAPPERS.has(name)) {
    const at = args.findIndex((word) => !word.startsWith('-'));
    readCommand([...own.splice(0).map(assignment), ...(at === -1 ? [] : args.slice(at))], context);
  } else if (LAUNCHERS.has(name)) {
    readCommand([...own.splice(0).map(assignment), ...launched(args)], context);
  } else throw unknownProgram();
  for (const [variable, value] of own) {
    recipe.secret(value);
    recipe.leave(`${variable}=…`, 'it was set for a program that tunneld does not run');
  }
}

function assignment([name, value]: readonly [string, string]): string {
  return `${name}=${value}`;
}

const WRAPPERS = new Set(['sudo', 'exec', 'env', 'dumb-init', 'tini']);
const LAUNCHERS = new Set(['npx', 'bunx', 'pnpm', 'yarn']);

/** `-y supergateway@3 …`: the package that a launcher runs, with what it is given. */
function launched(args: readonly string[]): readonly string[] {
  const at = args.findIndex(
    (word, index) =>
      !word.startsWith('-') && word !== 'dlx' && !/^(?:-p|--package)$/.test(args[index - 1] ?? ''),
  );
  const [name = '', ...rest] = at === -1 ? [] : args.slice(at);
  const program = name.replace(/(?<=.)@[^@/]*$/, '');
  if (['supergateway', 'pinggy', 'ngrok'].includes(program)) return [program, ...rest];
  throw notUnderstood(
    'The line runs a package that is no bridge and no tunnel',
    'When it is an MCP server, give it to a tunnel: `tunneld up NAME -- COMMAND`.',
  );
}

/** An ssh line may do anything; only one to Pinggy makes a tunnel of this kind. */
function readSsh(args: readonly string[], recipe: Recipe): void {
  if (!args.some((word) => /(?:^|[@.])pinggy\.(?:io|link)$/.test(word))) {
    throw notUnderstood('The ssh line does not go to Pinggy, and tunneld knows no other such service');
  }
  readPinggyWords(args, recipe);
}

function readDocker(line: DockerLine, context: CommandContext): void {
  const { recipe } = context;
  const image = line.image.replace(/[:@][^/]*$/, '').replace(/^(?:docker\.io|ghcr\.io)\//, '');
  if (image === 'pinggy/pinggy') {
    readPinggyContainer(line, recipe);
    readPinggyWords(line.args, recipe);
    return;
  }
  if (/^(?:supercorp|supercorp-ai)\/supergateway$/.test(image)) {
    readReplacedContainer(line, recipe);
    readSupergatewayWords(line.args, { env: context.env }, recipe);
    for (const [name, value] of assigned(line, context.env)) carryVariable(name, value, `-e ${name}`, recipe);
    for (const file of line.envFiles) readForServer(file, context);
    return;
  }
  readGuideImage(line, context);
}

/** An image that the reader of a guide built: what it does is in its variables. */
function readGuideImage(line: DockerLine, context: CommandContext): void {
  const { recipe, variables, env } = context;
  for (const file of line.envFiles) context.readVariables(file);
  for (const [name, value] of assigned(line, env)) variables.set(name, { value });
  if (![...variables.keys()].some(isGuideKey)) {
    throw notUnderstood(
      'The docker line starts an image that tunneld does not know',
      'It knows pinggy/pinggy, supergateway, and images with the variables of the guides, such as NPM_MCP and PINGGY_ACCESS_TOKEN.',
    );
  }
  readReplacedContainer(line, recipe);
  if (line.args.length > 0) recipe.leave('what the image is given', 'the images of the guides take nothing');
}

/** `NAME=value`, and `NAME` alone for a variable of this shell. */
function assigned(
  { assignments }: DockerLine,
  env: NodeJS.ProcessEnv,
): readonly (readonly [string, string])[] {
  return assignments.map((text) => {
    const at = text.indexOf('=');
    const name = at === -1 ? text : text.slice(0, at);
    if (!/^[A-Za-z_]\w*$/.test(name))
      throw notUnderstood('The docker line sets a variable whose name is none');
    const value = at === -1 ? env[name] : text.slice(at + 1);
    if (value === undefined)
      throw notUnderstood(
        `The docker line passes ${name} on, which is not set in this shell`,
        `Set and export ${name}, or write its value into the line.`,
      );
    return [name, value];
  });
}

function readForServer(file: string, { readVariables, variables, recipe }: CommandContext): void {
  readVariables(file);
  for (const [name, { value }] of [...variables]) {
    variables.delete(name);
    carryVariable(name, value, name, recipe);
  }
}

function unknownProgram(): Error {
  return notUnderstood(
    'The line begins with a program that tunneld cannot read',
    'It knows docker, podman, ssh (to Pinggy), pinggy, ngrok and supergateway, also behind npx.',
  );
}
