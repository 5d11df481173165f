import { existsSync } from 'node:fs';
import { type KeyMistake, TunneldError } from '../../core/errors.ts';
import { type Command, ExitCode } from '../command.ts';
import { CONFIG_OPTION, withConfigOption } from '../config-option.ts';
import type { CliIo } from '../io.ts';

export const configCheck: Command = {
  name: 'config check',
  summary: 'Check the config file and list every mistake in it',
  positionals: [],
  options: {
    ...CONFIG_OPTION,
    json: { type: 'boolean', summary: 'Print {"file", "exists", "tunnels"}, or {"error"} with its mistakes' },
  },
  examples: [
    ['tunneld config check', 'Every mistake with line and column; exit code 2 when there is one.'],
    ['tunneld config check --config ./tunneld.yaml', 'Checks a file before it is put in place.'],
  ],
  notes: [
    'Also reads what env: and file: stand for, in this shell and as this user, and looks whether the ports of the daemon are free while none runs.',
  ],

  async run(args, outer) {
    const io = withConfigOption(args, outer);
    const { configFile, configRequired } = io.paths();
    const exists = existsSync(configFile);
    const [{ invalidConfig, loadConfig }, { deeperMistakes }] = await Promise.all([
      import('../../config/load.ts'),
      import('../../config/check.ts'),
    ]);
    const loaded = await loadConfig(configFile, {
      optional: !configRequired,
      env: io.env,
      onNote: io.err,
    }).catch((error: unknown) => {
      // What cannot even be read has nothing to look into.
      if (error instanceof TunneldError && error.mistakes.length > 0) return error;
      throw error;
    });
    const mistakes = [
      ...(loaded instanceof TunneldError ? loaded.mistakes : await portMistakes(loaded.daemon, io)),
      ...(await deeperMistakes(configFile, io.env)),
    ].toSorted(byPlace);
    if (loaded instanceof TunneldError || mistakes.length > 0) throw invalidConfig(configFile, mistakes);
    const tunnels = Object.keys(loaded.tunnels);
    if (args.flag('json')) io.out(JSON.stringify({ file: configFile, exists, tunnels }, undefined, 2));
    else if (exists)
      io.out(`${configFile} is valid: ${tunnels.length} ${tunnels.length === 1 ? 'tunnel' : 'tunnels'}`);
    else io.out(`There is no ${configFile}: the defaults apply`);
    return ExitCode.ok;
  },
};

interface Ports {
  readonly relayPort: number;
  readonly healthPort: number;
}

/** A running daemon has its ports, as it should. */
async function portMistakes({ relayPort, healthPort }: Ports, io: CliIo): Promise<readonly KeyMistake[]> {
  const client = await io.daemon();
  const running = await client.info().then(
    () => true,
    () => false,
  );
  if (running) return [];
  const { isFree } = await import('../doctor/is-free.ts');
  const wanted = [
    ['daemon.relayPort', 'TUNNELD_DAEMON_RELAY_PORT', relayPort],
    ['daemon.healthPort', 'TUNNELD_HEALTH_PORT', healthPort],
  ] as const;
  const mistakes: KeyMistake[] = [];
  for (const [key, variable, port] of wanted) {
    if (await isFree(port)) continue;
    const what = `Port ${port} is taken by another program; ${variable} or this key can name another`;
    mistakes.push({ key, what });
  }
  return mistakes;
}

/** By line, then by column. */
function byPlace(a: KeyMistake, b: KeyMistake): number {
  const [first, second] = [placeOf(a), placeOf(b)];
  return first.line - second.line || first.column - second.column;
}

function placeOf({ place = '' }: KeyMistake): { readonly line: number; readonly column: number } {
  const [line, column] = place.split(':').map(Number);
  return { line: line || 0, column: column || 0 };
}
