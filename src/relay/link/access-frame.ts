import type { EdgeAccess, EdgeToken } from '../../access/edge-access.ts';
import { parseJson } from '../../core/parse-json.ts';
import { LinkError } from './link-error.ts';

/** More than any agent has; each is compared with what a stranger shows. */
const MAX_TOKENS = 32;
/** Longer lists are not sent: the HELLO they are part of has a limit, and calls work without. */
const MAX_ORIGINS_LENGTH = 2_048;

export function encodeAccess({ tokens, query, preflight, origins = [] }: EdgeAccess): object {
  const told = origins.length > 0 && origins.join().length <= MAX_ORIGINS_LENGTH;
  return {
    ...(told ? { origins } : {}),
    tokens: tokens.map(({ sha256, validForMs }) => ({
      sha256,
      ...(validForMs === undefined ? {} : { validForMs }),
    })),
    query,
    preflight,
  };
}

/** @throws {LinkError} `protocol` */
export function decodeAccess(raw: unknown): EdgeAccess {
  const tokens = member(raw, 'tokens');
  if (!Array.isArray(tokens) || tokens.length > MAX_TOKENS) {
    throw new LinkError('protocol', `access: tokens is not a list of at most ${MAX_TOKENS}`);
  }
  const origins = member(raw, 'origins') ?? [];
  if (!Array.isArray(origins) || !origins.every((origin) => typeof origin === 'string')) {
    throw new LinkError('protocol', 'access: origins is not a list of texts');
  }
  return {
    ...(origins.length > 0 ? { origins: origins.map((origin) => origin.toLowerCase()) } : {}),
    tokens: tokens.map(decodeToken),
    query: member(raw, 'query') === true,
    preflight: member(raw, 'preflight') === true,
  };
}

/** The payload of an ACCESS frame. @throws {LinkError} `protocol` */
export function decodeAccessFrame(payload: Buffer): EdgeAccess | undefined {
  const raw = parseJson(payload.toString());
  if (raw === undefined) throw new LinkError('protocol', 'ACCESS is not JSON');
  return raw === null ? undefined : decodeAccess(raw);
}

function decodeToken(raw: unknown): EdgeToken {
  const sha256 = member(raw, 'sha256');
  const validForMs = member(raw, 'validForMs');
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new LinkError('protocol', 'access: sha256 is not 64 hexadecimal digits');
  }
  if (validForMs === undefined) return { sha256 };
  if (typeof validForMs !== 'number' || !(validForMs >= 0)) {
    throw new LinkError('protocol', 'access: validForMs is not a number of milliseconds');
  }
  return { sha256, validForMs };
}

function member(raw: unknown, key: string): unknown {
  return typeof raw === 'object' && raw !== null ? Reflect.get(raw, key) : undefined;
}
