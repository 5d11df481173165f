import { request } from 'undici';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { parseJson } from '../core/parse-json.ts';
import type { Secret } from '../core/secret.ts';
import { sha256Hex } from '../core/sha256.ts';
import type { Authorization, Authorize } from '../relay/edge/authorization.ts';
import { chooseName, type NameChoice, openName, pickName } from '../relay/edge/name-choice.ts';
import type { RoutingKind } from '../relay/edge/routing.ts';
import { findGrant, type TokenGrant } from './static-tokens.ts';

/** Time limit for the provider's answer (milliseconds). */
const PROVIDER_TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 65_536;
/** Shorter tokens can be guessed. */
const MIN_SECRET_LENGTH = 8;
/** On an open relay the token is all that keeps others from a name. */
const MIN_OPEN_TOKEN_LENGTH = 16;

const UNKNOWN_TOKEN = { ok: false, reason: 'credential', detail: 'invalid token' } as const;
const UNAVAILABLE = { ok: false, reason: 'overloaded', detail: 'auth provider unavailable' } as const;

/** @param grants asked at every registration: the list may have changed */
export function authorizeFromList(grants: () => readonly TokenGrant[], routing: RoutingKind): Authorize {
  return async ({ name, token }) => {
    const grant = findGrant(grants(), token);
    if (grant === undefined) return UNKNOWN_TOKEN;
    return granted(chooseName(name, grant.patterns, routing), sha256Hex(token), routing);
  };
}

/**
 * Anybody may register. The same token means the same owner; a token that could be guessed counts
 * only together with the same address.
 */
export function authorizeAnybody(routing: RoutingKind): Authorize {
  return async ({ name, token, address }) => {
    const identity = sha256Hex(token);
    const choice = openName(name, token, routing);
    if (token.length >= MIN_OPEN_TOKEN_LENGTH) return granted(choice, identity, routing);
    if (address !== undefined) return granted(choice, `${address} ${identity}`, routing);
    const detail = `a token of at least ${MIN_OPEN_TOKEN_LENGTH} characters says whose the name is`;
    return { ok: false, reason: 'credential', detail };
  };
}

export interface AuthProvider {
  /** `/api/verify` is added to it. */
  readonly url: URL;
  /** Sent as `X-Relay-Secret`. */
  readonly secret: Secret;
  readonly routing: RoutingKind;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Asks a service of the operator at every registration: 200 with `{"subdomains":[…]}` says what the
 * token may have, 401 and 403 (with `{"error":"…"}`) refuse it, anything else is no answer and the
 * agent tries again later.
 */
export function authorizeByProvider(provider: AuthProvider): Authorize {
  return async ({ name, token }) => {
    let answer: { readonly status: number; readonly body: unknown };
    try {
      answer = await askProvider(provider, { token, subdomain: name }, provider.clock);
    } catch (err) {
      provider.log.warn({ err }, 'the auth provider gave no answer');
      return UNAVAILABLE;
    }
    const { status, body } = answer;
    if (status === 401 || status === 403) {
      const error = field(body, 'error');
      if (typeof error !== 'string') return UNKNOWN_TOKEN;
      // The text is logged on both sides. A short token could be part of any word, and is not replaced.
      const detail = token.length < MIN_SECRET_LENGTH ? error : error.replaceAll(token, '***');
      return { ...UNKNOWN_TOKEN, detail };
    }
    const allowed = field(body, 'subdomains');
    if (status !== 200 || !isTextList(allowed)) {
      provider.log.warn({ status }, 'the auth provider gave an answer that means nothing');
      return UNAVAILABLE;
    }
    return granted(chooseName(name, allowed, provider.routing), sha256Hex(token), provider.routing);
  };
}

/** @throws when there is no answer in time, or one that is too long */
export async function askProvider(
  { url, secret }: Pick<AuthProvider, 'url' | 'secret'>,
  question: { readonly token: string; readonly subdomain: string },
  clock: Clock,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const abort = new AbortController();
  const timer = clock.setTimer(() => abort.abort(new Error('no answer in time')), PROVIDER_TIMEOUT_MS);
  try {
    const { statusCode, body } = await request(`${url.href.replace(/\/+$/, '')}/api/verify`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-relay-secret': secret.reveal() },
      body: JSON.stringify(question),
      signal: abort.signal,
    });
    let text = '';
    for await (const chunk of body) {
      text += String(chunk);
      if (text.length > MAX_ANSWER_BYTES) throw new Error('the answer is too long');
    }
    return { status: statusCode, body: parseJson(text) };
  } finally {
    timer.cancel();
  }
}

function granted(choice: NameChoice, identity: string, routing: RoutingKind): Authorization {
  if (choice.ok) return { ok: true, identity, name: choice.name };
  const { offer: patterns, ...refusal } = choice;
  if (patterns === undefined) return refusal;
  const pick = (name: string) => granted(pickName(name, patterns, routing), identity, routing);
  return { ...refusal, offer: { patterns, pick } };
}

function field(body: unknown, key: string): unknown {
  return typeof body === 'object' && body !== null ? Reflect.get(body, key) : undefined;
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
