import { resolveSecret } from '../../config/secrets.ts';
import { systemClock } from '../../core/clock.ts';
import { createLogger } from '../../core/log.ts';
import { type Command, ExitCode } from '../command.ts';
import { readRelaySettings } from '../relay-options.ts';

export const relay: Command = {
  name: 'relay',
  summary: 'Run a relay of your own, for tunnels of other machines',
  positionals: [],
  options: {
    domain: {
      type: 'string',
      value: 'host',
      summary: 'Tunnels are NAME.host; its DNS must point here, *.host too',
    },
    'public-url': {
      type: 'string',
      value: 'url',
      summary: 'Where visitors reach it; default: https://DOMAIN',
    },
    routing: {
      type: 'string',
      value: 'kind',
      summary: 'host: NAME.domain; path: domain/NAME; default: host',
    },
    port: { type: 'string', value: 'port', summary: 'Listen here; default: 8080' },
    host: { type: 'string', value: 'address', summary: 'Listen on this address; default: 0.0.0.0' },
    'static-token': {
      type: 'string',
      value: 'token:names',
      multiple: true,
      summary: 'TOKEN:NAME[,NAME…], or better file:PATH or env:VARIABLE with such lines',
    },
    'auth-url': { type: 'string', value: 'url', summary: 'Ask POST URL/api/verify at each registration' },
    'auth-secret': {
      type: 'string',
      value: 'secret',
      summary: 'Sent to it as X-Relay-Secret; file:PATH, env:VARIABLE',
    },
    open: { type: 'boolean', summary: 'Anybody may register any free name' },
    'tls-cert': {
      type: 'string',
      value: 'file',
      summary: 'Speak TLS with this certificate (PEM), read again on change',
    },
    'tls-key': { type: 'string', value: 'file', summary: 'Its key (PEM)' },
    'trusted-proxies': {
      type: 'string',
      value: 'networks',
      summary: 'Believe X-Forwarded-For and -Proto of these: 10.0.0.0/8,192.0.2.1',
    },
    'proxy-protocol': {
      type: 'boolean',
      summary: 'Connections of trusted proxies begin with a PROXY header (v1 or v2)',
    },
    'admin-port': {
      type: 'string',
      value: 'port',
      summary: 'Loopback port of /healthz, /readyz, /metrics, /tunnels; default: 8081, 0: none',
    },
    'rate-per-address': {
      type: 'string',
      value: 'number',
      summary: 'Requests a second of one address; default: 100, 0: no limit',
    },
    'rate-per-tunnel': {
      type: 'string',
      value: 'number',
      summary: 'Requests a second of one tunnel; default: 1000, 0: no limit',
    },
    'connections-per-address': {
      type: 'string',
      value: 'number',
      summary: 'Connections of one address; default: 256, 0: no limit',
    },
    'drain-timeout': {
      type: 'string',
      value: 'duration',
      summary: 'What is in flight at the end gets this long; default: 10s',
    },
  },
  examples: [
    [
      'tunneld relay --domain tunnel.example.com --static-token file:/etc/tunneld/tokens',
      'Behind a proxy that ends TLS.',
    ],
    ['tunneld relay --routing path --public-url http://127.0.0.1:8080 --open', 'To try it on one machine.'],
  ],
  notes: [
    'Runs in the foreground and logs one JSON line for each event and request on standard output. SIGTERM or Ctrl-C asks the agents to go, waits for what is in flight, and exits with 0.',
    'Every option is also an environment variable: --auth-url is TUNNELD_RELAY_AUTH_URL. An option wins over its variable; several static tokens are separated by blanks or line breaks.',
    'Who may register must be said: with tokens, with a provider, or with --open in words. docs/relay.md is the guide for operators.',
  ],

  async run(args, io) {
    const { settings, warnings } = readRelaySettings(args, io.env, (reference) =>
      resolveSecret(reference, io.env, (note) => io.err(note)),
    );
    for (const warning of warnings) io.err(`warning: ${warning}`);
    const { startRelay } = await import('../../relayd/start-relay.ts');
    const log = createLogger('info', { write: (line) => io.out(line.trimEnd()) });
    const interrupted = io.interrupted();
    const running = await startRelay(settings, systemClock, log);
    if (!interrupted.aborted) {
      await new Promise<void>((resolve) =>
        interrupted.addEventListener('abort', () => resolve(), { once: true }),
      );
    }
    await running.stop();
    return ExitCode.ok;
  },
};
