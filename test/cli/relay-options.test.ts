import { describe, expect, it } from 'vitest';
import { relay } from '../../src/cli/commands/relay.ts';
import { parseCommandLine } from '../../src/cli/parse.ts';
import { readRelaySettings } from '../../src/cli/relay-options.ts';
import { Secret } from '../../src/core/secret.ts';

async function read(words: string, env: NodeJS.ProcessEnv = {}) {
  const args = await parseCommandLine(
    relay,
    words.split(' ').filter((word) => word !== ''),
  );
  return readRelaySettings(args, env, (reference) => new Secret(reference));
}

describe('what `tunneld relay` is told', () => {
  it('may be variables, and an option wins over its own', async () => {
    const env = {
      TUNNELD_RELAY_DOMAIN: 'tunnel.example.com',
      TUNNELD_RELAY_PORT: '9000',
      TUNNELD_RELAY_STATIC_TOKEN: 'one:alice two:bob',
    };
    const { settings, warnings } = await read('--port 9001', env);
    expect(settings).toMatchObject({
      port: 9001,
      routing: 'host',
      auth: { kind: 'static' },
      adminPort: 8081,
    });
    expect(settings.publicUrl.href).toBe('https://tunnel.example.com/');
    expect(warnings).toEqual([]);
  });

  it('is warned about when others can read it, or anybody may come', async () => {
    const literal = await read('--domain a.example --static-token secret:alice');
    expect(literal.warnings).toEqual([expect.stringContaining('--static-token with the secret itself')]);
    const open = await read('--domain a.example --open');
    expect(open.warnings).toEqual([expect.stringContaining('this relay is open')]);
  });

  it.each([
    ['--open', 'where visitors reach the relay'],
    ['--domain a.example', 'who may register'],
    ['--domain a.example --open --static-token a:b', 'exclude each other'],
    ['--domain a.example --auth-url http://127.0.0.1:1', 'needs --auth-secret'],
    ['--domain a.example --static-token secret', 'is not TOKEN:NAME'],
    ['--domain a.example --open --tls-cert x', 'need each other'],
    ['--domain a.example --open --port 70000', 'from 0 to 65535'],
    ['--public-url http://127.0.0.1:1 --open', 'use --routing path'],
    ['--domain a.example --open --routing both', 'neither host nor path'],
    ['--domain a.example --open --drain-timeout soon', 'is not a duration'],
  ])('%s is refused', async (words, message) => {
    await expect(read(words)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message),
    });
  });
});
