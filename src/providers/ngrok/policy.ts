import type { Secret } from '../../core/secret.ts';
import { sha256Hex } from '../../core/sha256.ts';
import type { NgrokOptions } from './options.ts';

/** What the policy is made for. */
export interface Guarded {
  readonly gatewayUrl: URL;
  /** Empty: no token is asked for. */
  readonly accessTokens: readonly Secret[];
}

type Rule = Readonly<Record<string, unknown>>;

/**
 * The traffic policy as ngrok's edge gets it, JSON: networks, then the token, then the user's own
 * rules, then the `Host` the gateway expects.
 *
 * Tokens and passwords go as SHA-256 of the whole header value: what the edge compares with tells
 * nobody the token. Source: https://ngrok.com/docs/traffic-policy/macros/ (`getReqHeader`, `hash.sha256`).
 */
export function trafficPolicy(options: NgrokOptions, { gatewayUrl, accessTokens }: Guarded): string {
  const { on_http_request: own = [], ...otherPhases } = options.trafficPolicy;
  return JSON.stringify({
    ...otherPhases,
    on_http_request: [
      ...networkRules(options),
      ...credentialRules(options, accessTokens),
      ...own,
      {
        name: 'tunneld host',
        // Overrides, other than for every other header: there is one Host only.
        actions: [{ type: 'add-headers', config: { headers: { host: gatewayUrl.host } } }],
      },
    ],
  });
}

function networkRules({ allow, deny }: NgrokOptions): readonly Rule[] {
  if (allow.length === 0 && deny.length === 0) return [];
  const config = { enforce: true, allow: allow.length === 0 ? ['0.0.0.0/0', '::/0'] : allow, deny };
  return [{ name: 'tunneld networks', actions: [{ type: 'restrict-ips', config }] }];
}

function credentialRules(
  { edgeAuth, basicAuth, passPreflight }: NgrokOptions,
  accessTokens: readonly Secret[],
): readonly Rule[] {
  if (!edgeAuth) return [];
  // The scheme has no case, but a hash has: the two spellings that clients use.
  const bearer = accessTokens.flatMap((token) => [`Bearer ${token.reveal()}`, `bearer ${token.reveal()}`]);
  const basic = basicAuth.map((pair) => `Basic ${Buffer.from(pair.reveal()).toString('base64')}`);
  if (bearer.length + basic.length === 0) return [];
  const matches = [...bearer, ...basic].map((value) => `hash.sha256(v) == '${sha256Hex(value)}'`);
  const challenge =
    basic.length === 0 ? 'Bearer realm="tunneld"' : 'Bearer realm="tunneld", Basic realm="tunneld"';
  return [
    {
      name: 'tunneld token',
      expressions: [
        ...(passPreflight ? ["req.method != 'OPTIONS'"] : []),
        // A request without the header has an empty list: nothing exists in it, so it is refused.
        `!getReqHeader('Authorization').exists(v, ${matches.join(' || ')})`,
      ],
      actions: [
        {
          type: 'custom-response',
          config: {
            status_code: 401,
            headers: { 'content-type': 'application/json', 'www-authenticate': challenge },
            body: '{"error":"unauthorized"}',
          },
        },
      ],
    },
  ];
}
