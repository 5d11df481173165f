import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '../../core/sha256.ts';

/** What a connection to the engine is encrypted with: PEM files, by their paths. */
export interface TlsMaterial {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly verify: boolean;
}

export interface DockerContext {
  readonly host: string;
  readonly tls: TlsMaterial | undefined;
}

/**
 * Reads a context from the Docker CLI's own store. Undefined when there is none of that name.
 *
 * Layout: `contexts/meta/<sha256 of name>/meta.json`, and beside it `contexts/tls/<…>/docker/*.pem`.
 *
 * @see https://github.com/docker/cli/tree/master/cli/context/store
 */
export async function readDockerContext(
  configFolder: string,
  name: string,
): Promise<DockerContext | undefined> {
  const id = sha256Hex(name);
  const meta = await readJson(join(configFolder, 'contexts/meta', id, 'meta.json'));
  const endpoint = field(field(meta, 'Endpoints'), 'docker');
  const host = field(endpoint, 'Host');
  if (typeof host !== 'string' || host === '') return undefined;

  const folder = join(configFolder, 'contexts/tls', id, 'docker');
  const [ca, cert, key] = await Promise.all(
    ['ca.pem', 'cert.pem', 'key.pem'].map((file) => existing(folder, file)),
  );
  const verify = field(endpoint, 'SkipTLSVerify') !== true;
  const secure = (ca ?? cert ?? key) !== undefined || !verify;
  return { host, tls: secure ? { ca, cert, key, verify } : undefined };
}

/** Name of the context `docker context use` chose; undefined for the default one. */
export async function currentDockerContext(configFolder: string): Promise<string | undefined> {
  const name = field(await readJson(join(configFolder, 'config.json')), 'currentContext');
  return typeof name === 'string' && name !== '' && name !== 'default' ? name : undefined;
}

/** The CLI treats a missing or broken store as an empty one, and so do we. */
async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

async function existing(folder: string, file: string): Promise<string | undefined> {
  const path = join(folder, file);
  return await access(path).then(
    () => path,
    () => undefined,
  );
}
