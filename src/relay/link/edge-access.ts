import type { Clock } from '../../core/clock.ts';
import type { RequestHead } from '../../core/exchange.ts';
import { findToken } from '../../http1/carriers.ts';
import { type AccessToken, TokenTable } from '../../http1/token-table.ts';
import { LinkError } from './link-error.ts';

/** Who may call a tunnel, as its agent tells the relay: hashes, never tokens. */
export interface EdgeAccess {
  readonly tokens: readonly EdgeToken[];
  /** `?token=` counts too. */
  readonly query: boolean;
  /** Pages of some origins may call: their preflights, which hold no token, go to the gateway. */
  readonly preflight: boolean;
  /** Those origins: their pages may read what the relay refuses. */
  readonly origins?: readonly string[];
}

export interface EdgeToken {
  readonly sha256: string;
  /** Not valid after this long (milliseconds): the two clocks need not agree. */
  readonly validForMs?: number;
}

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
  let raw: unknown;
  try {
    raw = JSON.parse(payload.toString());
  } catch {
    throw new LinkError('protocol', 'ACCESS is not JSON');
  }
  return raw === null ? undefined : decodeAccess(raw);
}

export type EdgeVerdict = 'pass' | 'no-token' | 'wrong-token';

/** Turns strangers away before they cost the agent anything. The gateway checks again. */
export class EdgeGuard {
  readonly #clock: Clock;
  readonly #table: TokenTable;
  #access: EdgeAccess | undefined;

  /** @param access absent when the agent said nothing: then its gateway alone decides */
  constructor(access: EdgeAccess | undefined, clock: Clock) {
    this.#clock = clock;
    this.#table = new TokenTable(clock);
    if (access !== undefined) this.set(access);
  }

  set(access: EdgeAccess | undefined): void {
    this.#access = access;
    const now = this.#clock.now();
    const entry = ({ sha256, validForMs }: EdgeToken, index: number): AccessToken => ({
      id: String(index),
      sha256,
      ...(validForMs === undefined ? {} : { notAfter: now + validForMs }),
    });
    this.#table.set((access?.tokens ?? []).map(entry));
  }

  /** The agent said nothing of who may call: whoever knows the address reaches it. */
  get open(): boolean {
    return this.#access === undefined;
  }

  /** SHA-256 of the tokens that open the tunnel, hexadecimal. */
  get hashes(): readonly string[] {
    return (this.#access?.tokens ?? []).map(({ sha256 }) => sha256);
  }

  /** Origins whose pages may read a refusal; lower case. */
  get origins(): readonly string[] {
    return this.#access?.origins ?? [];
  }

  /** @param target what the gateway would be asked for: a secret path is looked for in it */
  judge(request: RequestHead, target: string): EdgeVerdict {
    const access = this.#access;
    if (access === undefined) return 'pass';
    if (access.preflight && isPreflight(request) && mayAsk(request, access.origins)) return 'pass';
    const asked = { target, get: (name: string) => request.get(name) };
    const found = findToken(asked, access.query, (value) => this.#table.verify(value) !== undefined);
    if (!('presented' in found)) return 'pass';
    return found.presented ? 'wrong-token' : 'no-token';
  }
}

/** An agent that did not say which pages may call decides about all of them itself. */
function mayAsk(request: RequestHead, origins: readonly string[] | undefined): boolean {
  return origins === undefined || origins.includes(request.get('origin')?.toLowerCase() ?? '');
}

function isPreflight(request: RequestHead): boolean {
  return request.method === 'OPTIONS' && request.get('access-control-request-method') !== undefined;
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
