import { systemClock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import { serviceNotifier } from '../../core/service-notifier.ts';
import type { ReadSettings } from '../../relayd/settings/read-settings.ts';
import type { RunningRelay } from '../../relayd/start-relay.ts';
import { type Command, ExitCode } from '../command.ts';
import { SETTINGS_OPTIONS, settingsInput } from '../relay/settings-options.ts';

export const relay: Command = {
  name: 'relay',
  summary: 'Run a relay of your own, for tunnels of other machines',
  positionals: [],
  options: SETTINGS_OPTIONS,
  otherNames: {
    '--relay-domain': '--domain',
    '--relay-port': '--port',
    '--auth-provider': '--auth-url',
    '--auth-provider-secret': '--auth-secret',
    '--auth-mode': '--static-token, --auth-url or --open',
    '--tokens': '--static-token',
    '--token': '--static-token',
    '--listen': '--host and --port',
  },
  examples: [
    [
      'tunneld relay --domain tunnel.example.com --static-token file:/etc/tunneld/tokens',
      'Behind a proxy that ends TLS.',
    ],
    ['tunneld relay --routing path --public-url http://127.0.0.1:8080 --open', 'To try it on one machine.'],
  ],
  notes: [
    'Runs in the foreground and logs one JSON line for each event and request on standard output. SIGTERM or Ctrl-C asks the agents to go, waits for what is in flight, and exits with 0. SIGHUP reads the settings again; what is wrong with them is logged, and those before stay in force.',
    'Every option is also an environment variable and a key of the file: --auth-url is TUNNELD_RELAY_AUTH_URL and authUrl. An option wins over its variable, and the variable over the file; in a variable, several values are separated by blanks or line breaks.',
    'Who may register must be said: with tokens, with a provider, or with --open in words. `tunneld relay check` looks at the settings first; docs/relay.md is the guide for operators.',
  ],

  async run(args, io) {
    const { readRelaySettings } = await import('../../relayd/settings/read-settings.ts');
    const read = () => readRelaySettings(settingsInput(args, io.env));
    const { settings, warnings } = read();
    for (const warning of warnings) io.err(`warning: ${warning}`);
    const [{ startRelay }, { createLogger }] = await Promise.all([
      import('../../relayd/start-relay.ts'),
      import('../../core/log.ts'),
    ]);
    const log = createLogger('info', { write: (line) => io.out(line.trimEnd()) });
    const interrupted = io.interrupted();
    const notifier = serviceNotifier(io.env, systemClock);
    const running = await startRelay(settings, systemClock, log);
    let reloading = Promise.resolve();
    io.onHangup(() => {
      // The relay is shutting down and applies no more settings.
      if (interrupted.aborted) return;
      const work = async () => reload(running, read, log);
      reloading = reloading.then(() => (notifier === undefined ? work() : notifier.reloading(work)));
    });
    notifier?.ready({ status: () => `port ${running.port}` });
    if (!interrupted.aborted) {
      await new Promise<void>((resolve) =>
        interrupted.addEventListener('abort', () => resolve(), { once: true }),
      );
    }
    notifier?.stopping(running.drainMs);
    await running.stop();
    return ExitCode.ok;
  },
};

/** Settings that cannot be used change nothing: the relay goes on with those before, and reports it. */
function reload(running: RunningRelay, read: () => ReadSettings, log: Logger): void {
  try {
    const { settings, warnings } = read();
    for (const warning of warnings) log.warn({ warning }, 'a setting deserves a look');
    running.reload(settings);
    running.problems.solved('configuration');
  } catch (error) {
    running.problems.report('configuration', error);
  }
}
