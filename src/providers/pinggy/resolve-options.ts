import type { ProviderInput } from '../kind.ts';
import type { PinggyOptions } from './options.ts';
import { type PinggyConfig, pinggySchema } from './schema.ts';

/** How often a session is asked whether it lives, and how long an answer may take (milliseconds). */
const LIVENESS = { livenessIntervalMs: 10_000, livenessTimeoutMs: 5_000 };

/** What the configuration means, references resolved. @throws {TunneldError} `SECRET_UNAVAILABLE` */
export function pinggyOptions({ config, pages, secret }: ProviderInput<PinggyConfig>): PinggyOptions {
  const { token, keys, basicAuth, setHeaders, openTimeout, ...rest } = config ?? pinggySchema.parse({});
  return {
    ...defined(rest),
    ...LIVENESS,
    ...(token === undefined ? {} : { token: secret(token) }),
    keys: keys.map((key) => secret(key)),
    basicAuth: basicAuth.map((pair) => {
      const { name, value } = atColon(pair);
      return { user: name, password: secret(value) };
    }),
    setHeaders: Object.fromEntries(
      setHeaders.map(atColon).map(({ name, value }) => [name, secret(value)] as const),
    ),
    openTimeoutMs: openTimeout,
    // A page of an allowed origin asks first, and cannot send a token with that.
    passPreflight: rest.passPreflight || pages,
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
