import { isReference } from '../../config/secret-fields.ts';
import { Secret } from '../../core/secret.ts';
import type { ProviderInput } from '../kind.ts';
import type { NgrokOptions } from './options.ts';
import { type NgrokConfig, ngrokSchema } from './schema.ts';

/** What the configuration means, references resolved. @throws {TunneldError} `SECRET_UNAVAILABLE` */
export function ngrokOptions({ config, pages, secret }: ProviderInput<NgrokConfig>): NgrokOptions {
  const { authtoken, basicAuth, heartbeatInterval, heartbeatTolerance, ...rest } =
    config ?? ngrokSchema.parse({});
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
    passPreflight: rest.passPreflight || pages,
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
