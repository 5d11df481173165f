import { spellKeys } from '../config/spell-keys.ts';
import { type KeyMistake, TunneldError } from '../core/errors.ts';
import type { Option } from './command.ts';
import { SPEC_OPTIONS } from './tunnel-options.ts';

/**
 * A complaint about keys of a tunnel, said with the options that set them: whoever typed options has
 * no config file to look at.
 */
export function inOptionWords(error: unknown, verb: string): unknown {
  if (!(error instanceof TunneldError) || error.mistakes.length === 0) return error;
  const lines = error.mistakes.map(sentence);
  const [first = ''] = lines;
  const message =
    lines.length === 1 ? first : `${lines.length} mistakes:\n${lines.map((line) => `  ${line}`).join('\n')}`;
  const other = error.code === 'UPSTREAM_NOT_LOOPBACK' ? 'UPSTREAM_NOT_LOOPBACK' : 'USAGE';
  return new TunneldError(other, message, {
    mistakes: error.mistakes,
    ...(other === 'USAGE'
      ? { remedy: `\`tunneld ${verb} --help\` lists the options and what they take.` }
      : {}),
  });
}

/** The option that sets `key`; a key without one is written `key=value` with `tunneld set`. */
function optionOf(key: string): string | undefined {
  const options: readonly (readonly [string, Option])[] = Object.entries(SPEC_OPTIONS);
  // `access.origins.0` is one of what --origin gave.
  return options.find(([, option]) => option.key === key || key.startsWith(`${option.key}.`))?.[0];
}

function sentence({ key, what }: KeyMistake): string {
  const option = optionOf(key);
  const subject = key === '' || key === 'command' ? '' : `${option === undefined ? key : `--${option}`}: `;
  return subject + withOptions(what);
}

/** `port` → --port, `allowRemoteUpstream: true` → --allow-remote-upstream */
function withOptions(text: string): string {
  return spellKeys(text, (key, value = 'true') => {
    if (key === 'command') return 'a command after `--`';
    const option = optionOf(key);
    if (option === undefined) return undefined;
    return value === 'true' ? `--${option}` : `--${option} ${value}`;
  });
}
