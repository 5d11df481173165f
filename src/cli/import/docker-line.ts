import { type FlagTable, readFlags } from './flags.ts';
import { notUnderstood } from './recipe.ts';

/** One `docker build` or `docker run`, read as far as the image. */
export interface DockerLine {
  readonly verb: 'build' | 'run';
  /** Of `run`; empty for `build`. */
  readonly image: string;
  /** What the image is given. */
  readonly args: readonly string[];
  /** `--build-arg` and `-e`, as written: `NAME=value`, or `NAME` for one of this shell. */
  readonly assignments: readonly string[];
  readonly envFiles: readonly string[];
  readonly flags: readonly DockerFlag[];
}

export interface DockerFlag {
  readonly name: string;
  readonly value?: string;
  readonly known: boolean;
}

const GLOBAL: FlagTable = {
  values: ['-H', '--host', '-c', '--context', '--config', '-l', '--log-level', '--connection', '--url'],
  switches: ['-D', '--debug', '--tls', '--tlsverify', '-r', '--remote'],
  isEnd: () => true,
};

const RUN: FlagTable = {
  values: [
    ...[
      '-a',
      '-c',
      '-e',
      '-h',
      '-l',
      '-m',
      '-p',
      '-u',
      '-v',
      '-w',
      '--name',
      '--restart',
      '--network',
      '--net',
    ],
    ...[
      '--env',
      '--env-file',
      '--publish',
      '--volume',
      '--mount',
      '--memory',
      '--memory-swap',
      '--cpus',
      '--user',
    ],
    ...[
      '--pids-limit',
      '--platform',
      '--pull',
      '--hostname',
      '--add-host',
      '--dns',
      '--label',
      '--entrypoint',
    ],
    ...[
      '--workdir',
      '--log-driver',
      '--log-opt',
      '--cap-add',
      '--cap-drop',
      '--security-opt',
      '--tmpfs',
      '--ulimit',
    ],
    ...[
      '--stop-signal',
      '--stop-timeout',
      '--ip',
      '--expose',
      '--device',
      '--gpus',
      '--shm-size',
      '--userns',
    ],
    ...[
      '--health-cmd',
      '--health-interval',
      '--cidfile',
      '--network-alias',
      '--net-alias',
      '--cpu-shares',
      '--ipc',
    ],
  ],
  switches: [
    ...[
      '-d',
      '-i',
      '-t',
      '-P',
      '-q',
      '--detach',
      '--interactive',
      '--tty',
      '--rm',
      '--init',
      '--read-only',
      '--privileged',
    ],
    ...['--publish-all', '--quiet', '--no-healthcheck', '--sig-proxy', '--replace'],
  ],
  isEnd: () => true,
  // The image is the last word, or one that is known.
  isValueOfUnknown: (next, isLast) => !isLast && !/(?:pinggy|supergateway)(?:[:@]|$)/.test(next),
};

const BUILD: FlagTable = {
  values: [
    '-t',
    '-f',
    '--tag',
    '--file',
    '--build-arg',
    '--platform',
    '--target',
    '--label',
    '--progress',
    '--network',
  ],
  switches: ['--no-cache', '--pull', '--load', '--push', '-q', '--quiet', '--rm'],
};

/** @param words behind `docker` or `podman`. @throws {TunneldError} `IMPORT_NOT_UNDERSTOOD` */
export function readDockerWords(words: readonly string[]): DockerLine {
  const before = readFlags(words, GLOBAL);
  let rest = before.rest;
  if (rest[0] === 'container' || rest[0] === 'image' || rest[0] === 'buildx') rest = rest.slice(1);
  const [verb, ...own] = rest;
  if (verb !== 'run' && verb !== 'build') {
    const what = verb === 'compose' ? 'docker compose' : 'this docker command';
    throw notUnderstood(`tunneld cannot read ${what}: it knows \`docker run\` and \`docker build\``);
  }
  const { tokens, rest: behind } = readFlags(own, verb === 'run' ? RUN : BUILD);
  const flags = [...before.tokens, ...tokens].flatMap((token) => (token.kind === 'flag' ? [token] : []));
  const missing = flags.find(
    ({ name, value, known }) => known && takesValue(name, verb) && value === undefined,
  );
  if (missing !== undefined)
    throw notUnderstood(`The docker line ends after ${missing.name}, which needs a value`);
  const [image = '', ...args] = verb === 'run' ? behind : [];
  if (verb === 'run' && image === '') throw notUnderstood('The docker line names no image');
  const valuesOf = (...names: string[]) =>
    flags.flatMap(({ name, value }) => (names.includes(name) && value !== undefined ? [value] : []));
  return {
    verb,
    image,
    args,
    assignments: verb === 'run' ? valuesOf('-e', '--env') : valuesOf('--build-arg'),
    envFiles: verb === 'run' ? valuesOf('--env-file') : [],
    flags,
  };
}

function takesValue(name: string, verb: 'run' | 'build'): boolean {
  return (verb === 'run' ? RUN : BUILD).values.includes(name);
}
