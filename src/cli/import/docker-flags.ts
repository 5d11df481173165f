import type { DockerFlag, DockerLine } from './docker-line.ts';
import type { Recipe } from './recipe.ts';

/** What the engine is told about the container of a line, for whoever the container is. */

const READ_ELSEWHERE = new Set(['-e', '--env', '--env-file', '--build-arg']);

const SAME: Readonly<Record<string, string>> = {
  '-d': 'tunneld runs in the background',
  '--detach': 'tunneld runs in the background',
  '-i': 'there is no terminal',
  '--interactive': 'there is no terminal',
  '-t': 'there is no terminal',
  '--tty': 'there is no terminal',
  '--rm': 'tunneld takes away what it started',
  '--init': 'tunneld ends what it started',
  '-q': 'tunneld keeps a log of its own',
  '--quiet': 'tunneld keeps a log of its own',
};

/** Flags of `docker run … pinggy/pinggy`: the container stays, and tunneld looks after it. */
export function readPinggyContainer({ flags, image }: DockerLine, recipe: Recipe): void {
  for (const flag of flags) {
    const { name, value = '' } = flag;
    const from = value === '' ? name : `${name} ${value}`;
    const mebibytes = mebibytesOf(value);
    if (name === '--name') readName(value, recipe);
    else if (name === '--net' || name === '--network') readNetwork(from, value, recipe);
    else if (name === '--restart') readRestart(from, value, recipe);
    else if (name === '--pull' && /^(?:missing|always|never)$/.test(value)) {
      recipe.carry(from, 'pinggy.pull', value);
    } else if ((name === '-m' || name === '--memory') && mebibytes !== undefined) {
      recipe.carry(from, 'pinggy.memoryMb', mebibytes);
    } else if (name === '--pids-limit' && /^[1-9]\d*$/.test(value)) {
      recipe.carry(from, 'pinggy.pidsLimit', Number(value));
    } else if (name === '--read-only') recipe.same(from, 'the default');
    else if (name === '-H' || name === '--host') recipe.carry(from, 'pinggy.dockerHost', value);
    else if (name === '--context') recipe.carry(from, 'pinggy.dockerContext', value);
    else if (name === '-e' || name === '--env' || name === '--env-file') {
      recipe.leave(name, 'the image reads no variables');
    } else readOther(flag, recipe);
  }
  if (/^(?:docker\.io\/)?pinggy\/pinggy(?::latest)?$/.test(image)) recipe.same(image, 'the default');
  else recipe.carry(image, 'pinggy.image', image);
}

/** Flags of a container that held a bridge and a server, in whose place tunneld comes. */
export function readReplacedContainer({ flags, image, verb }: DockerLine, recipe: Recipe): void {
  for (const flag of flags) {
    const { name, value = '' } = flag;
    const from = value === '' ? name : `${name} ${value}`;
    if (READ_ELSEWHERE.has(name)) continue;
    if (verb === 'build' && ['-t', '--tag', '-f', '--file', '--no-cache', '--pull'].includes(name)) {
      recipe.same(from, 'there is no image to build');
    } else if (name === '--name') readName(value, recipe);
    else if (name === '--restart') readRestart(from, value, recipe);
    else if (name === '-p' || name === '--publish') {
      recipe.same(from, 'the tunnel needs no port that is open to others');
    } else if (['-v', '--volume', '--mount'].includes(name)) {
      recipe.leave(name, 'the server runs on this machine and sees its files where they are');
    } else readOther(flag, recipe);
  }
  if (verb === 'run') recipe.same(image, 'tunneld takes the place of what is in this image');
}

function readName(value: string, recipe: Recipe): void {
  recipe.suggestName(value);
  recipe.same(`--name ${value}`, 'the name of the tunnel');
  if (/^[\w.-]+$/.test(value)) {
    recipe.advise(
      `Stop the container of before when the tunnel is to take its place: \`docker rm -f ${value}\`.`,
    );
  }
}

function readNetwork(from: string, value: string, recipe: Recipe): void {
  if (value === 'host')
    recipe.same(from, 'tunneld takes the host network where the engine is on this machine');
  else if (value === 'bridge') recipe.carry(from, 'pinggy.network', 'bridge');
  else recipe.leave(from, 'tunneld knows the networks host and bridge');
}

function readRestart(from: string, value: string, recipe: Recipe): void {
  if (value === 'no') {
    recipe.leave(from, 'tunneld opens a tunnel again for as long as it is wanted up');
    return;
  }
  recipe.same(from, 'tunneld opens the tunnel again whenever it is lost');
  recipe.advise('`tunneld service install` has the daemon started at boot or login, and with it the tunnel.');
}

function readOther({ name, known }: DockerFlag, recipe: Recipe): void {
  const why = SAME[name];
  if (why !== undefined) recipe.same(name, why);
  else if (known) recipe.leave(name, 'tunneld has no such setting');
  else recipe.leave(name, 'tunneld does not know this option of docker');
}

function mebibytesOf(text: string): number | undefined {
  const [, count, unit] = /^(\d+)([bkmg]?)b?$/i.exec(text) ?? [];
  if (count === undefined) return undefined;
  const bytes =
    Number(count) * { b: 1, k: 1_024, m: 1_048_576, g: 1_073_741_824 }[(unit || 'b').toLowerCase() as 'b'];
  return Math.ceil(bytes / 1_048_576);
}
