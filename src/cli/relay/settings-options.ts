import { CONFIG_VARIABLE, RELAY_OPTIONS } from '../../relayd/settings/names.ts';
import type { SettingsInput } from '../../relayd/settings/read-settings.ts';
import type { Command, ParsedArgs } from '../command.ts';
import { keysSetBy, optionsOf } from '../option-rows.ts';

export const RELAY_CONFIG_OPTION: Command['options'] = {
  config: {
    type: 'string',
    value: 'file',
    summary: `Read settings from this file; default: ${CONFIG_VARIABLE}, then /etc/tunneld/relay.yaml`,
  },
};

/** The options of `tunneld relay`, as its settings define them. */
export const SETTINGS_OPTIONS: Command['options'] = { ...RELAY_CONFIG_OPTION, ...optionsOf(RELAY_OPTIONS) };

/** What a command line says of the settings. */
export function settingsInput(args: ParsedArgs, env: NodeJS.ProcessEnv): SettingsInput {
  const given = Object.entries(RELAY_OPTIONS).filter(([name]) => args.given(name));
  return {
    options: Object.assign({}, ...given.map(([name, row]) => keysSetBy(name, row, args))),
    env,
    file: args.text('config'),
  };
}
