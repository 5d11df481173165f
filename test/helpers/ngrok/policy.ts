import { createHash } from 'node:crypto';
import { z } from 'zod';

const policySchema = z.strictObject({
  on_http_request: z.array(
    z.strictObject({
      name: z.string().optional(),
      expressions: z.array(z.string()).optional(),
      actions: z
        .array(z.strictObject({ type: z.string(), config: z.record(z.string(), z.unknown()) }))
        .min(1),
    }),
  ),
});

export interface Visitor {
  readonly method: string;
  readonly address: string;
  /** Values of the header, none when it is absent. */
  header(name: string): readonly string[];
}

export type Decision =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | { readonly kind: 'forward'; readonly setHeaders: Readonly<Record<string, string>> };

/** As much of ngrok's policies as our own policy uses; a rule beyond that is refused at bind, as ngrok would a bad one. */
export class TestPolicy {
  readonly #rules: readonly Rule[];

  /** @throws when there is anything in the policy that the edge would not understand */
  constructor(text: string) {
    const parsed = policySchema.parse(JSON.parse(text));
    this.#rules = parsed.on_http_request.map(({ expressions = [], actions }) => ({
      conditions: expressions.map(compile),
      actions: actions.map(({ type, config }) => compileAction(type, config)),
    }));
  }

  decide(visitor: Visitor): Decision {
    const setHeaders: Record<string, string> = {};
    for (const { conditions, actions } of this.#rules) {
      if (!conditions.every((holds) => holds(visitor))) continue;
      for (const action of actions) {
        const answer = action(visitor, setHeaders);
        if (answer !== undefined) return answer;
      }
    }
    return { kind: 'forward', setHeaders };
  }
}

interface Rule {
  readonly conditions: readonly ((visitor: Visitor) => boolean)[];
  readonly actions: readonly Action[];
}

type Action = (visitor: Visitor, setHeaders: Record<string, string>) => Decision | undefined;

const HASH = String.raw`hash\.sha256\(v\) == '([0-9a-f]{64})'`;
const BEARER = new RegExp(
  String.raw`^!getReqHeader\('Authorization'\)\.exists\(v, ${HASH}(?: \|\| ${HASH})*\)$`,
);

function compile(expression: string): (visitor: Visitor) => boolean {
  if (BEARER.test(expression)) {
    const hashes = new Set([...expression.matchAll(new RegExp(HASH, 'g'))].map(([, hash]) => hash));
    return (visitor) => !visitor.header('authorization').some((value) => hashes.has(sha256(value)));
  }
  if (expression === "req.method != 'OPTIONS'") return ({ method }) => method !== 'OPTIONS';
  throw new Error(`expression not understood: ${expression}`);
}

function compileAction(type: string, config: Readonly<Record<string, unknown>>): Action {
  switch (type) {
    case 'custom-response': {
      const { status_code: status, headers, body } = customResponse.parse(config);
      return () => ({ kind: 'answer', status, headers, body });
    }
    case 'add-headers': {
      const { headers } = z.strictObject({ headers: z.record(z.string(), z.string()) }).parse(config);
      return (_visitor, setHeaders) => void Object.assign(setHeaders, headers);
    }
    case 'restrict-ips': {
      const { allow, deny } = restriction.parse(config);
      const refused = {
        kind: 'answer',
        status: 403,
        headers: { 'ngrok-error-code': 'ERR_NGROK_3205' },
        body: '',
      };
      return ({ address }) =>
        contains(allow, address) && !contains(deny, address) ? undefined : (refused as Decision);
    }
    default:
      throw new Error(`action not understood: ${type}`);
  }
}

const customResponse = z.strictObject({
  status_code: z.int(),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string().default(''),
});

const restriction = z.strictObject({
  enforce: z.literal(true),
  allow: z.array(z.string()),
  deny: z.array(z.string()).default([]),
});

/** Only the networks that tests use: everybody, and loopback. */
function contains(networks: readonly string[], address: string): boolean {
  const loopback = ['127.0.0.1', '::1', '::ffff:127.0.0.1'].includes(address);
  return networks.some((network) => network.endsWith('/0') || (loopback && network.startsWith('127.')));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
