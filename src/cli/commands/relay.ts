import { systemClock } from '../../core/clock.ts';
import { createLogger } from '../../core/log.ts';
import { type Command, ExitCode } from '../command.ts';
import { RELAY_CONFIG_OPTION, relayOptions } from '../relay/settings-table.ts';

export const relay: Command = {
  name: 'relay',
  summary: 'Run a relay of your own, for tunnels of other machines',
  positionals: [],
  options: {
    ...RELAY_CONFIG_OPTION,
    ...relayOptions(),
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
    'Every option is also an environment variable and a key of the file: --auth-url is TUNNELD_RELAY_AUTH_URL and authUrl. An option wins over its variable, and the variable over the file; in a variable, several values are separated by blanks or line breaks.',
    'Who may register must be said: with tokens, with a provider, or with --open in words. docs/relay.md is the guide for operators.',
  ],

  async run(args, io) {
    const { readRelaySettings } = await import('../relay-options.ts');
    const { settings, warnings } = await readRelaySettings({ args, env: io.env });
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
