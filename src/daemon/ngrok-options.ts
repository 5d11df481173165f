import { ngrokSchema } from '../config/ngrok-schema.ts';
import type { TunnelConfig } from '../config/schema.ts';
import { isReference, resolveSecret } from '../config/secrets.ts';
import { Secret } from '../core/secret.ts';
import type { NgrokOptions } from '../providers/ngrok/options.ts';

/**
 * What the `ngrok` keys of a tunnel mean, references resolved.
 *
 * @throws {TunneldError} `SECRET_UNAVAILABLE`
 */
export function ngrokOptions(
  { ngrok = ngrokSchema.parse({}), access }: TunnelConfig,
  env: NodeJS.ProcessEnv,
): NgrokOptions {
  const secret = (reference: string): Secret => resolveSecret(reference, env);
  const { authtoken, basicAuth, heartbeatInterval, heartbeatTolerance, ...rest } = ngrok;
  const { domain, metadata, region, server, caFile, trafficPolicy, ...flags } = rest;
  return {
    ...flags,
    ...(domain === undefined ? {} : { domain }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(region === undefined ? {} : { region }),
    ...(server === undefined ? {} : { server }),
    ...(caFile === undefined ? {} : { caFile }),
    trafficPolicy: Object.fromEntries(
      Object.entries(trafficPolicy).flatMap(([phase, rules]) =>
        rules === undefined ? [] : [[phase, rules]],
      ),
    ),
    authtoken: secret(authtoken),
    basicAuth: basicAuth.map((pair) => pairOf(pair, secret)),
    // A page of an allowed origin asks first, and cannot send a token with that.
    passPreflight: rest.passPreflight || access.origins.length > 0,
    heartbeatIntervalMs: heartbeatInterval,
    heartbeatToleranceMs: heartbeatTolerance,
  };
}

/** `env:NGROK_BASIC_AUTH` stands for the whole pair, `anna:env:PASSWORD` for the password alone. */
function pairOf(written: string, secret: (reference: string) => Secret): Secret {
  if (isReference(written)) return secret(written);
  const at = written.indexOf(':') + 1;
  return new Secret(written.slice(0, at) + secret(written.slice(at)).reveal());
}
