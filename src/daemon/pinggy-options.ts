import { type PinggyConfig, pinggySchema } from '../config/pinggy-schema.ts';
import type { TunnelConfig } from '../config/schema.ts';
import { resolveSecret } from '../config/secrets.ts';
import type { Secret } from '../core/secret.ts';
import type { PinggyOptions } from '../providers/pinggy/options.ts';

/** How often a session is asked whether it lives, and how long an answer may take (milliseconds). */
const LIVENESS = { livenessIntervalMs: 10_000, livenessTimeoutMs: 5_000 };

/**
 * What the `pinggy` keys of a tunnel mean, references resolved.
 *
 * @throws {TunneldError} `SECRET_UNAVAILABLE`
 */
export function pinggyOptions(
  { pinggy = pinggySchema.parse({}), access }: TunnelConfig,
  env: NodeJS.ProcessEnv,
): PinggyOptions {
  const secret = (reference: string): Secret => resolveSecret(reference, env);
  const { token, keys, basicAuth, setHeaders, openTimeout, ...rest } = pinggy;
  return {
    ...defined(rest),
    ...LIVENESS,
    ...(token === undefined ? {} : { token: secret(token) }),
    keys: keys.map(secret),
    basicAuth: basicAuth.map((pair) => {
      const { name, value } = atColon(pair);
      return { user: name, password: secret(value) };
    }),
    setHeaders: Object.fromEntries(
      setHeaders.map(atColon).map(({ name, value }) => [name, secret(value)] as const),
    ),
    openTimeoutMs: openTimeout,
    // A page of an allowed origin asks first, and cannot send a token with that.
    passPreflight: rest.passPreflight || access.origins.length > 0,
  };
}

function atColon(text: string): { name: string; value: string } {
  const at = text.indexOf(':');
  return { name: text.slice(0, at), value: text.slice(at + 1).trim() };
}

type Rest = Omit<PinggyConfig, 'token' | 'keys' | 'basicAuth' | 'setHeaders' | 'openTimeout'>;
/** The schema says "absent" as `undefined`, the options by absence. */
type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function defined(rest: Rest): Defined<Rest> {
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as Defined<Rest>;
}
