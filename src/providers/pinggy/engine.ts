import { readFile } from 'node:fs/promises';
import type { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import Docker from 'dockerode';
import { TunneldError } from '../../core/errors.ts';
import { isLoopbackHost } from '../../core/loopback.ts';
import { describeAddress, type EngineAddress, type EngineSearch, findEngine } from './engine-address.ts';
import { engineError } from './engine-errors.ts';
import { sshDialAgent } from './ssh-dial.ts';
import './errors.ts';

/** Newest version of the Docker API this was written against; older engines are spoken to in theirs. */
const NEWEST_API = '1.51';
const CALL_TIMEOUT_MS = 10_000;
/** A local engine that takes longer than this to say its version is not going to serve a tunnel. */
const HELLO_TIMEOUT_MS = 2_500;
const REMOTE_HELLO_TIMEOUT_MS = 15_000;

export interface EngineFacts {
  readonly apiVersion: string;
  readonly product: 'docker' | 'podman';
  /** A container on the host's network sees this machine's loopback. */
  readonly sharesLoopback: boolean;
  /** Why it does not, for people. */
  readonly why: string;
}

/** A Docker engine we have spoken with. */
export class Engine {
  readonly docker: Docker;
  readonly address: EngineAddress;
  readonly facts: EngineFacts;

  private constructor(docker: Docker, address: EngineAddress, facts: EngineFacts) {
    this.docker = docker;
    this.address = address;
    this.facts = facts;
  }

  /** @throws {TunneldError} `ENGINE_ADDRESS_INVALID`, `ENGINE_UNREACHABLE`, `ENGINE_PERMISSION` */
  static async connect(search: EngineSearch, signal?: AbortSignal): Promise<Engine> {
    const address = await findEngine(search);
    const remote = address.kind !== 'socket';
    const hello = remote ? REMOTE_HELLO_TIMEOUT_MS : HELLO_TIMEOUT_MS;
    const client = await clientOf(address, search.env, undefined);
    const version = await bounded('say its version', hello, address, signal, () => client.version());
    const versioned = await clientOf(address, search.env, negotiate(version.ApiVersion));
    const info: EngineInfo = await bounded('describe itself', hello, address, signal, () => versioned.info());
    return new Engine(versioned, address, {
      apiVersion: negotiate(version.ApiVersion),
      product: (version.Components ?? []).some(({ Name }) => /podman/i.test(Name)) ? 'podman' : 'docker',
      ...loopbackOf(address, info, version.Components ?? [], search.platform),
    });
  }

  /**
   * One bounded call.
   *
   * @param what completes "could not …" in an error message.
   * @throws {TunneldError} translated; the signal's reason when it aborts.
   */
  async call<T>(what: string, run: (abort: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return await bounded(what, CALL_TIMEOUT_MS, this.address, signal, run);
  }

  describe(): string {
    return `${this.facts.product} at ${describeAddress(this.address)}`;
  }
}

interface EngineInfo {
  readonly OperatingSystem?: string;
  readonly SecurityOptions?: readonly string[] | null;
}

async function bounded<T>(
  what: string,
  timeoutMs: number,
  address: EngineAddress,
  signal: AbortSignal | undefined,
  run: (abort: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const deadline = AbortSignal.timeout(timeoutMs);
  const abort = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  let onAbort = () => {};
  try {
    // Not every call of the client library takes a signal, so the wait itself is bounded too.
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(abort.reason);
      abort.addEventListener('abort', onAbort, { once: true });
    });
    return await Promise.race([run(abort), aborted]);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw engineError(deadline.aborted ? deadline.reason : error, what, address);
  } finally {
    abort.removeEventListener('abort', onAbort);
  }
}

/** `v` + the newest version both sides know. */
function negotiate(theirs: string): string {
  const older = compareVersions(theirs, NEWEST_API) < 0;
  return `v${older ? theirs : NEWEST_API}`;
}

function compareVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA - majorB || minorA - minorB;
}

function loopbackOf(
  address: EngineAddress,
  info: EngineInfo,
  components: readonly { Name: string }[],
  platform: NodeJS.Platform,
): Pick<EngineFacts, 'sharesLoopback' | 'why'> {
  const rootless = (info.SecurityOptions ?? []).some((option) => option.startsWith('name=rootless'));
  const podman = components.some(({ Name }) => /podman/i.test(Name));
  if (address.kind !== 'socket' && !isLoopbackHost(address.host))
    return { sharesLoopback: false, why: 'remote' };
  if (platform !== 'linux' || info.OperatingSystem === 'Docker Desktop') {
    return { sharesLoopback: false, why: 'virtual machine' };
  }
  // Rootless Docker runs in a network namespace of its own; rootless Podman's host network is the host's.
  if (rootless && !podman) return { sharesLoopback: false, why: 'rootless' };
  return { sharesLoopback: true, why: '' };
}

type ClientOptions = Docker.DockerOptions & { agent?: HttpAgent | HttpsAgent | undefined };

async function clientOf(
  address: EngineAddress,
  env: NodeJS.ProcessEnv,
  version: string | undefined,
): Promise<Docker> {
  // It reads DOCKER_HOST and its kin too; every key is set here, so that only ours count.
  const nothing: ClientOptions = {
    host: undefined,
    port: undefined,
    socketPath: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
    username: undefined,
  };
  const options: ClientOptions = { ...nothing, protocol: 'http', ...(await reach(address, env)) };
  if (version !== undefined) options.version = version;
  try {
    return new Docker(options);
  } catch (error) {
    throw engineError(error, 'be reached', address);
  }
}

async function reach(address: EngineAddress, env: NodeJS.ProcessEnv): Promise<ClientOptions> {
  switch (address.kind) {
    case 'socket':
      return { socketPath: address.path };
    case 'ssh':
      return { host: 'docker', port: 80, agent: sshDialAgent(address, env) };
    case 'tcp': {
      const { host, port, tls } = address;
      if (tls === undefined) return { host, port };
      const [ca, cert, key] = await Promise.all([pem(tls.ca), pem(tls.cert), pem(tls.key)]);
      const agent = new HttpsAgent({ ca, cert, key, rejectUnauthorized: tls.verify });
      return { host, port, protocol: 'https', agent };
    }
  }
}

async function pem(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  return await readFile(file, 'utf8').catch((error: unknown) => {
    throw new TunneldError('ENGINE_ADDRESS_INVALID', `The engine's TLS file ${file} cannot be read.`, {
      cause: error,
    });
  });
}
