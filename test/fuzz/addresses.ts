import { ledHeaders } from '../../src/gateway/answer-links.ts';
import { ServerLinks } from '../../src/gateway/server-links.ts';
import { ServerNames } from '../../src/gateway/server-names.ts';
import { responseHead } from '../../src/http1/response-head.ts';
import { pick, type Random, several } from './random.ts';
import { same, type Target } from './target.ts';

const NAMES = new ServerNames({
  protocol: 'http:',
  host: '127.0.0.1',
  port: 3845,
  hostHeader: 'localhost:3845',
});

/** Whatever a server says, a reference to itself stays within the tunnel, and one elsewhere is not changed. */
export const addresses: Target = {
  name: 'addresses of servers',
  perThousand: 1_000,
  run(random) {
    const routing = pick(random, ['', '/figma']);
    const secret = pick(random, ['', '/t/abc']);
    const target = pick(random, ['/mcp', '/', '/a/sse?x=1']);
    const origin = 'https://relay.example';
    const links = new ServerLinks({
      names: NAMES,
      target,
      routing,
      secret,
      origin,
      publicHosts: ['relay.example'],
    });
    const reference = several(random, PARTS, 8).join('');
    const called = `${origin}${routing}${secret}${target}`;
    for (const led of [links.path(reference), links.url(reference)]) {
      if (led === undefined) {
        const url =
          URL.canParse(reference, 'http://localhost:3845/mcp') &&
          new URL(reference, 'http://localhost:3845/mcp');
        if (url && NAMES.has(url) && /^http:\/\//i.test(reference))
          throw new Error(`${reference} is the server's`);
      } else if (URL.canParse(led, called) && URL.canParse(reference, 'http://localhost:3845')) {
        const url = new URL(led, called);
        const home = routing + secret;
        const inside =
          url.pathname === home || url.pathname.startsWith(`${home}/`) || WELL_KNOWN.test(url.pathname);
        if (url.origin !== origin || !inside)
          throw new Error(`${JSON.stringify(reference)} leads to ${url.href}`);
      }
    }
    const led = links.path(reference);
    // To say it again changes nothing, but where the server's own paths begin like the prefix.
    if (led?.startsWith('/') && routing !== '') same('twice', links.path(led), led);
    headersAreWhole(random, links, reference);
  },
};

function headersAreWhole(random: Random, links: ServerLinks, reference: string): void {
  const text = reference.replace(/[^\t\x20-\x7e\x80-\xff]/g, '');
  const value = pick(random, [
    text,
    `<${text}>; rel=x`,
    `0; url=${text}`,
    `Bearer resource_metadata="${text}"`,
    `a=b; Path=${text}; Domain=${text}`,
  ]);
  const name = pick(random, [
    'Location',
    'Link',
    'Refresh',
    'WWW-Authenticate',
    'Set-Cookie',
    'Content-Location',
  ]);
  const head = responseHead(200, [name, value], { kind: 'none' });
  // Throws for a value that would break out of its line.
  responseHead(200, ledHeaders(head, links), { kind: 'none' });
}

const WELL_KNOWN =
  /^\/\.well-known\/(?:oauth-protected-resource|oauth-authorization-server|openid-configuration)(?:\/|$)/;

const PARTS = [
  'http://localhost:3845',
  'http://127.0.0.1:3845',
  'https://relay.example',
  'http://0.0.0.0:3845',
  'http://evil.example',
  'HTTP:',
  'https:',
  '//',
  '/',
  '/',
  '/',
  '\\',
  '..',
  '.',
  '%2e',
  '%2E%2e',
  '/figma',
  '/t/abc',
  '/mcp',
  'messages',
  '?sid=1',
  '#f',
  '@evil.example',
  ':3845',
  '\t',
  '\n',
  ' ',
  '\xc3\xa4',
  '/.well-known/oauth-protected-resource',
  ';',
  '=',
  '"',
  '<',
  '>',
  'localhost',
];
