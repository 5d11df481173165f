import { COMMAND_ONLY, SERVER_KEYS } from '../config/server-keys.ts';
import { TunneldError } from '../core/errors.ts';
import { KINDS } from '../providers/kinds.ts';
import { inOptionWords } from './option-words.ts';
import { usage } from './parse.ts';
import type { PartOfSpec } from './tunnel-options.ts';

/**
 * Refuses here what the daemon would refuse anyway, so that a mistake does not start one. What a
 * known tunnel may already have is not missed.
 *
 * @throws {TunneldError} `NAME_INVALID`, `USAGE`, `UPSTREAM_NOT_LOOPBACK`
 */
export async function checkPart(name: string, part: PartOfSpec | undefined, verb: string): Promise<void> {
  const { assertTunnelName, parseTunnelSpec } = await import('../config/tunnel-spec.ts');
  assertTunnelName(name);
  if (part === undefined) return;
  assertScheme(part['url'], verb);
  try {
    parseTunnelSpec(name, completed(part));
  } catch (error) {
    if (!(error instanceof TunneldError)) throw error;
    const mistakes = error.mistakes.filter(({ key }) => wasTyped(part, key));
    if (mistakes.length === 0) return;
    const { code, message, remedy } = error;
    throw inOptionWords(new TunneldError(code, message, { remedy, mistakes }), verb);
  }
}

/** `localhost:3845/mcp` is a URL too, of a scheme called "localhost". */
function assertScheme(url: unknown, verb: string): void {
  if (
    typeof url !== 'string' ||
    url.includes('://') ||
    url.startsWith('unix:') ||
    !URL.canParse(`http://${url}`)
  )
    return;
  throw usage({ name: verb }, `--url ${url} has no scheme: did you mean --url http://${url}?`);
}

/** With a server, and the provider whose settings are given: both may be known already. */
function completed(part: PartOfSpec): PartOfSpec {
  const server = SERVER_KEYS.some((key) => part[key] !== undefined)
    ? {}
    : COMMAND_ONLY.some((key) => part[key] !== undefined)
      ? { command: ['a-program'] }
      : { port: 1 };
  const kind = KINDS.find(({ name }) => part[name] !== undefined);
  const provider = part['provider'] === undefined && kind !== undefined ? { provider: kind.name } : {};
  return { ...server, ...provider, ...part };
}

/** Whether the key, or what it is part of or made of, was typed. A mistake of the whole always was. */
function wasTyped(part: PartOfSpec, key: string): boolean {
  let value: unknown = part;
  for (const segment of key === '' ? [] : key.split('.')) {
    if (typeof value !== 'object' || value === null) return true;
    if (!Object.hasOwn(value, segment)) return false;
    value = (value as PartOfSpec)[segment];
  }
  return true;
}
