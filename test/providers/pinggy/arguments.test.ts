import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TunneldError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { pinggyArguments } from '../../../src/providers/pinggy/arguments.ts';
import { PINGGY_DEFAULTS, type PinggyOptions } from '../../../src/providers/pinggy/options.ts';
import { shellWords } from '../../helpers/pinggy-edge-options.ts';

function argumentsOf(options: Partial<PinggyOptions>, accessTokens: readonly Secret[] = []) {
  return pinggyArguments(
    { ...PINGGY_DEFAULTS, ...options },
    { gatewayPort: 41_000, accessTokens, debugger: { address: '127.0.0.1', port: 42_000 } },
  );
}

const values = (options: Partial<PinggyOptions>, tokens: readonly Secret[] = []) =>
  argumentsOf(options, tokens).map(({ value }) => value);
const destinationOf = (options: Partial<PinggyOptions>) => {
  const all = values(options);
  return all[all.indexOf('-t') + 1];
};

describe('the arguments of the container', () => {
  it("are the guide's, with the web debugger and without prompts", () => {
    const all = values({ token: new Secret('TOKEN') }, [new Secret('ACCESS')]);
    expect(all.join(' ')).toBe(
      '-p 443 -R0:127.0.0.1:41000 -L127.0.0.1:42000:localhost:4300' +
        ' -o StrictHostKeyChecking=accept-new -o BatchMode=yes -o ExitOnForwardFailure=yes' +
        ' -o ConnectTimeout=15 -o ServerAliveInterval=30 -o ServerAliveCountMax=2' +
        ' -t TOKEN+force@pro.pinggy.io k:ACCESS x:https x:xff a:Host:localhost:41000',
    );
  });

  it.each([
    [{}, 'free.pinggy.io'],
    [{ region: 'eu' as const }, 'eu.free.pinggy.io'],
    [{ token: new Secret('TOKEN'), region: 'us' as const }, 'TOKEN+force@us.pro.pinggy.io'],
    [{ token: new Secret('TOKEN+force@pro.pinggy.io') }, 'TOKEN+force@pro.pinggy.io'],
    [{ token: new Secret(' TOKEN@ap.a.pinggy.io\n') }, 'TOKEN+force@ap.a.pinggy.io'],
    [{ token: new Secret('TOKEN'), force: false }, 'TOKEN@pro.pinggy.io'],
    [{ token: new Secret('TOKEN'), server: '127.0.0.1' }, 'TOKEN+force@127.0.0.1'],
  ])('log in where %j says', (options, expected) => {
    expect(destinationOf(options)).toBe(expected);
  });

  it('leave the key to the gateway when the edge shall not ask for it', () => {
    expect(values({ edgeAuth: false }, [new Secret('ACCESS')]).join(' ')).not.toContain('k:');
  });

  it.each<[string, Partial<PinggyOptions>]>([
    ['a token that is an SSH option', { token: new Secret('-oProxyCommand=x') }],
    ['a token with a space', { token: new Secret('TOKEN x:y') }],
    ['another type of tunnel', { token: new Secret('TOKEN+tcp') }],
    ['a server that is an SSH option', { server: '-oProxyCommand=x' }],
    ['a gateway host with a port', { gatewayHost: 'a:1' }],
    ['a key with a space', { keys: [new Secret('a b')] }],
    ['a basic auth user with a colon', { basicAuth: [{ user: 'a:b', password: new Secret('c') }] }],
    ['a basic auth password with a quote', { basicAuth: [{ user: 'a', password: new Secret('"') }] }],
    ['a network that is none', { allow: ['10.0.0.0/33'] }],
    ['two networks in one', { allow: ['10.0.0.0/8,0.0.0.0/0'] }],
    ['a header name with a colon', { setHeaders: { 'a:b': new Secret('c') } }],
    ['a header value with a line break', { setHeaders: { a: new Secret('b\r\nc') } }],
    ['removing Host', { removeHeaders: ['Host'] }],
    ['an SSH option given by hand', { args: ['-oProxyCommand=x'] }],
    ['two options given as one', { args: ['x:fullurl k:open'] }],
  ])('refuse %s', (_, options) => {
    const secret = /ProxyCommand|TOKEN/;
    expect(() => argumentsOf(options, [])).toThrow(TunneldError);
    const error = catchError(() => argumentsOf({ ...options, server: options.server ?? 'h' }));
    expect(error.code).toBe('PINGGY_OPTION_INVALID');
    if (options.token !== undefined) expect(error.message).not.toMatch(secret);
  });

  it('show no secret', () => {
    const shown = argumentsOf(
      {
        token: new Secret('MARKERtoken'),
        keys: [new Secret('MARKERkey')],
        basicAuth: [{ user: 'ann', password: new Secret('MARKERpass') }],
        setHeaders: { 'X-Key': new Secret('MARKERheader') },
        args: ['k:MARKERarg', 'b:ann:MARKERarg', 'a:X-Y:MARKERarg'],
      },
      [new Secret('MARKERaccess')],
    ).map((argument) => argument.shown);
    expect(shown.join(' ')).not.toContain('MARKER');
    expect(shown.slice(-5)).toEqual([
      'a:Host:localhost:41000',
      'u:X-Key:***',
      'k:***',
      'b:ann:***',
      'a:X-Y:***',
    ]);
  });

  it('stay one word each at the edge, whatever the options hold, or are refused', () => {
    const text = fc.oneof(
      fc.string({ minLength: 1, maxLength: 12 }),
      fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom(...'ab1x:-_./+=,;$" \'\\\n') }),
    );
    const secret = text.map((value) => new Secret(value));
    const options = fc.oneof<fc.Arbitrary<Partial<PinggyOptions>>[]>(
      fc.record({ token: secret }),
      fc.record({ keys: fc.array(secret, { maxLength: 2 }) }),
      fc.record({ basicAuth: fc.array(fc.record({ user: text, password: secret }), { maxLength: 1 }) }),
      fc.record({ setHeaders: fc.dictionary(text, secret, { maxKeys: 2 }) }),
      fc.record({ removeHeaders: fc.array(text, { maxLength: 1 }) }),
      fc.record({ allow: fc.array(text, { maxLength: 1 }) }),
      fc.record({
        args: fc.array(
          text.map((rest) => `x:${rest}`),
          { maxLength: 2 },
        ),
      }),
    );
    let accepted = 0;
    const holds = fc.property(options, (given) => {
      let all: readonly string[];
      try {
        all = values(given);
      } catch (error) {
        return error instanceof TunneldError && error.code === 'PINGGY_OPTION_INVALID';
      }
      accepted += 1;
      const remote = all.slice(all.indexOf('-t') + 2);
      const arrived = shellWords(remote.join(' '));
      return (
        JSON.stringify(arrived) === JSON.stringify(remote) && !remote.some((word) => word.startsWith('-'))
      );
    });
    fc.assert(holds, { numRuns: 3_000 });
    // Most random texts are refused; enough must not be, or nothing was shown.
    expect(accepted).toBeGreaterThan(300);
  });
});

function catchError(run: () => unknown): TunneldError {
  try {
    run();
  } catch (error) {
    if (error instanceof TunneldError) return error;
  }
  throw new Error('nothing was refused');
}
