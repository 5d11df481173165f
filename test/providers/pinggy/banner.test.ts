import { describe, expect, it } from 'vitest';
import { readBanner } from '../../../src/providers/pinggy/banner.ts';
import { LineCutter } from '../../../src/providers/pinggy/log-lines.ts';
import { recognise, recogniseFinal } from '../../../src/providers/pinggy/texts.ts';

/** What a log of this text gives, cut at every possible place. */
function linesOf(text: string): string[] {
  const bytes = Buffer.from(text);
  const cut = (size: number) => {
    const lines: string[] = [];
    const cutter = new LineCutter((line) => lines.push(line));
    for (let at = 0; at < bytes.length; at += size) cutter.push(bytes.subarray(at, at + size));
    cutter.end();
    return lines;
  };
  const whole = cut(bytes.length || 1);
  for (const size of [1, 2, 3, 7]) expect(cut(size)).toEqual(whole);
  return whole;
}

const urlsOf = (text: string) => readBanner(linesOf(text)).urls.map(({ href }) => href);

describe('the greeting in the log', () => {
  it('gives the URLs of a free session, and its end', () => {
    const banner = readBanner(
      linesOf(
        [
          'Pseudo-terminal will not be allocated because stdin is not a terminal.',
          "Warning: Permanently added '[free.pinggy.io]:443' (RSA) to the list of known hosts.",
          '** WARNING: connection is not using a post-quantum key exchange algorithm.',
          '** See https://openssh.com/pq.html',
          'https://openssh.com/pq.html',
          'Allocated port 8 for remote forward to 127.0.0.1:3845',
          'You are not authenticated.',
          'Your tunnel will expire in 60 minutes. Upgrade to Pinggy Pro to get unrestricted tunnels. https://dashboard.pinggy.io',
          '',
          'http://xxxxx-203-0-113-1.run.pinggy-free.link',
          '  https://xxxxx-203-0-113-1.run.pinggy-free.link',
          'https://yyyyy-203-0-113-1.free.pinggy.net',
          '',
        ].join('\r\n'),
      ),
    );
    expect(banner.urls.map(({ href }) => href)).toEqual([
      'https://xxxxx-203-0-113-1.run.pinggy-free.link/',
      'https://yyyyy-203-0-113-1.free.pinggy.net/',
    ]);
    expect(banner).toMatchObject({ expiresInMs: 3_600_000, authenticated: false });
  });

  it('gives custom domains and old ones, but no address that is nobody’s tunnel', () => {
    const decoys = [
      'https://dashboard.pinggy.io',
      'https://pinggy.io',
      'https://pro.pinggy.io',
      'https://eu.free.pinggy.io',
      'https://github.com',
      'https://localhost:4300',
      'https://127.0.0.1:4300',
    ];
    const good = ['https://tunnel-1.mcpmanager.ai', 'https://abc.a.pinggy.io', 'https://abc.a.pinggy.link'];
    expect(urlsOf([...decoys, ...good].join('\r\n'))).toEqual(good.map((url) => `${url}/`));
  });

  it('is read through colours, titles and redrawn lines', () => {
    const text = '\u001b]0;https://evil.example\u0007\u001b[32m\u001b[4mhttps://a.pinggy.link\u001b[0m\r\n';
    expect(urlsOf(text)).toEqual(['https://a.pinggy.link/']);
    expect(urlsOf('⠋ Connecting to Pinggy...\r ✔ Success\r\nhttps://a.pinggy.link\n')).toEqual([
      'https://a.pinggy.link/',
    ]);
    expect(readBanner(linesOf('Authenticated as: a@example.com\n')).authenticated).toBe(true);
  });

  it('does not take a word-wrapped or quoted address for a URL', () => {
    expect(urlsOf('to get unrestricted tunnels. https:\r\n//dashboard.pinggy.io\r\n')).toEqual([]);
    expect(
      urlsOf('see https://a.example for more\r\n"https://a.example"\r\nhttps://a.example/path\r\n'),
    ).toEqual([]);
  });

  it.each([
    'GET 200 OK /x\nhttps://evil.example\n',
    'POST /mcp\r\nhttps://evil.example\r\n',
    `${'line\n'.repeat(60)}https://evil.example\n`,
  ])('ends where visitors begin to choose the text: %j', (text) => {
    expect(urlsOf(text)).toEqual([]);
  });

  it('keeps a line that never ends from filling memory, and from showing half a secret', () => {
    expect(linesOf(`${'x'.repeat(5_000)}\nnext\n`)).toEqual(['next']);
    expect(linesOf('Connections: 1 | Bytes: 2\rConnections: 2 | Bytes: 3\r')).toEqual([
      'Connections: 2 | Bytes: 3',
    ]);
    expect(linesOf(`${'\r'.repeat(1_000_000)}x\n`)).toEqual(['x']);
  });

  it('is found behind a spinner that redrew its line for a long time', () => {
    const spinner = '⠋ Connecting to Pinggy...\r⠙ Connecting to Pinggy...\r'.repeat(500);
    expect(linesOf(`${spinner}✔ Success\r\nhttps://a.pinggy.link\r\n`)).toEqual([
      '✔ Success',
      'https://a.pinggy.link',
    ]);
    expect(urlsOf(`${spinner}https://a.pinggy.link\r\n`)).toEqual(['https://a.pinggy.link/']);
  });
});

describe('known texts', () => {
  it.each([
    [
      'Login is not allowed: A tunnel with the same token (xxYYzzZ) is already active.',
      'PINGGY_TOKEN_ACTIVE',
    ],
    ['Login is not allowed', 'CREDENTIAL_REJECTED'],
    ['[redacted]+force@pro.pinggy.io: Permission denied (publickey,password).', 'CREDENTIAL_REJECTED'],
    ['Error: remote port forwarding failed for listen port 0', 'PINGGY_FORWARD_REFUSED'],
    ['@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @', 'PINGGY_HOST_KEY'],
    ['Host key verification failed.', 'PINGGY_HOST_KEY'],
    ['bind [127.0.0.1]:4300: Address already in use', 'PORT_IN_USE'],
    ['ssh: connect to host free.pinggy.io port 443: Connection refused', 'PINGGY_UNREACHABLE'],
    ['ssh: Could not resolve hostname free.pinggy.io: Temporary failure', 'PINGGY_UNREACHABLE'],
    ['Connection closed by 203.0.113.1 port 443', 'PINGGY_UNREACHABLE'],
  ])('%s means %s', (line, code) => {
    expect(recognise(['something before', line])?.code).toBe(code);
  });

  it('gives up at once only where trying on cannot help', () => {
    expect(recogniseFinal(['ssh: connect to host a port 443: Connection timed out'])).toBeUndefined();
    expect(recogniseFinal(['Error: remote port forwarding failed for listen port 0'])).toBeDefined();
    expect(recogniseFinal(['channel 2: open failed: connect failed: Connection refused'])).toBeUndefined();
  });
});
