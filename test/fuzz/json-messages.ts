import { headerLinesOf } from '../../src/mcp-tunnel/wire/header-map.ts';
import {
  decodeAgentMessage,
  decodeRegisterRequest,
  decodeRegistrationAnswer,
  decodeRelayMessage,
  decodeSubdomainPick,
  encodeTunnelRequest,
} from '../../src/mcp-tunnel/wire/messages.ts';
import { decodeAccessFrame } from '../../src/relay/link/access-frame.ts';
import { decodeAgentHello, decodeRelayHello, encodeHello, ownTerms } from '../../src/relay/link/hello.ts';
import { LinkError } from '../../src/relay/link/link-error.ts';
import { pick, type Random, spoiled } from './random.ts';
import { refusedOr, same, type Target } from './target.ts';

/** HELLO and ACCESS: a LinkError or a value that says the same again. */
export const hellos: Target = {
  name: 'HELLO and ACCESS',
  perThousand: 1_000,
  run(random) {
    const bytes = spoiled(random, Buffer.from(JSON.stringify(odd(random, HELLO))), random(2) * 3);
    const agent = refusedOr(LinkError, () => decodeAgentHello(bytes));
    if (agent !== undefined) same('HELLO', decodeAgentHello(encodeHello(agent)), agent);
    const relay = refusedOr(LinkError, () => decodeRelayHello(bytes));
    if (relay !== undefined) same('HELLO', decodeRelayHello(encodeHello(relay)), relay);
    refusedOr(LinkError, () =>
      decodeAccessFrame(spoiled(random, Buffer.from(JSON.stringify(odd(random, HELLO.access))), 2)),
    );
  },
};

/** Messages of mcp-tunnel: decoders take or skip whatever comes, and never throw. */
export const tunnelMessages: Target = {
  name: 'messages of mcp-tunnel',
  perThousand: 1_000,
  run(random) {
    const message = odd(random, pick(random, MESSAGES));
    const text = spoiled(random, Buffer.from(JSON.stringify(message)), random(2) * 3).toString();
    for (const decode of [
      decodeAgentMessage,
      decodeRegisterRequest,
      decodeRegistrationAnswer,
      decodeSubdomainPick,
    ]) {
      const read = decode(text);
      if (read !== undefined && 'headers' in read) {
        for (const line of headerLinesOf(read.headers)) {
          if (/[\r\n\0]/.test(line))
            throw new Error(`a header that breaks out of its line: ${JSON.stringify(line)}`);
        }
      }
    }
    const request = decodeRelayMessage(text);
    if (request?.kind !== 'request' || request.body === undefined) return;
    same('request', plain(decodeRelayMessage(encodeTunnelRequest(request))), plain(request));
  },
};

function plain(message: unknown): unknown {
  const { headers, ...rest } = message as { headers?: ReadonlyMap<string, string> };
  return { ...rest, headers: [...(headers ?? [])] };
}

/** The value, with something in it replaced now and then by what does not belong there. */
function odd(random: Random, value: unknown): unknown {
  if (random(12) === 0) return pick(random, ODD);
  if (Array.isArray(value)) return value.map((each) => odd(random, each));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => [
    random(20) === 0 ? '__proto__' : key,
    odd(random, each),
  ]);
  return Object.fromEntries(random(10) === 0 ? entries.slice(1) : entries);
}

const ODD = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  '',
  'x',
  '\0',
  '\ud800',
  'x'.repeat(2_000),
  [],
  [[]],
  {},
  { a: 1 },
];
const HELLO = {
  ...ownTerms(100),
  name: 'figma',
  token: 'secret',
  publicUrl: 'https://figma.relay.example',
  link: 'a1',
  group: 'g',
  checks: true,
  access: {
    tokens: [{ sha256: 'a'.repeat(64) }, { sha256: '0'.repeat(64), validForMs: 5 }],
    query: true,
    preflight: false,
    origins: ['https://a.example'],
  },
};
const MESSAGES = [
  { token: 't', subdomain: 'a' },
  { token: 't', subdomain: null },
  { subdomain: 'a', url: 'https://a.example' },
  { subdomains: ['a', 'b-*'] },
  { id: '1', method: 'GET', path: '/mcp', headers: { Accept: '*/*', 'x-\r\n': 'a' }, body: 'aGk=' },
  { kind: 'request', id: '1', method: 'POST', path: '/', headers: {}, body: null },
  { kind: 'cancel', id: '1' },
  { id: '1', status: 200, headers: { 'set-cookie': 'a\r\nb: c' }, body: '!!' },
  { kind: 'response_head', id: '1', status: 204, headers: {} },
  { kind: 'response_chunk', id: '1', data: 'aGk', last: false },
  { kind: 'response_error', id: '1', message: 'no' },
];
