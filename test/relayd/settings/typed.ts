import { expect } from 'vitest';
import { relay } from '../../../src/cli/commands/relay.ts';
import { parseCommandLine } from '../../../src/cli/parse.ts';
import { settingsInput } from '../../../src/cli/relay/settings-options.ts';
import type { TunneldError } from '../../../src/core/errors.ts';
import { type ReadSettings, readRelaySettings } from '../../../src/relayd/settings/read-settings.ts';

/** The settings that `tunneld relay` has with these options, in this environment. */
export async function readTyped(
  line: string,
  env: NodeJS.ProcessEnv = {},
  defaultFile = '/nowhere/relay.yaml',
): Promise<ReadSettings> {
  const words = line.split(' ').filter((word) => word !== '');
  const args = await parseCommandLine(relay, words);
  return readRelaySettings({ ...settingsInput(args, env), defaultFile });
}

/** Why they are refused. */
export async function refusalOf(line: string, env: NodeJS.ProcessEnv = {}): Promise<TunneldError> {
  return readTyped(line, env).then(
    () => expect.unreachable('they were taken'),
    (error: TunneldError) => error,
  );
}
