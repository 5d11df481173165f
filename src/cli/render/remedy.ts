import { KINDS } from '../../providers/kinds.ts';

const PROVIDER = KINDS.map(({ name }) => name).join('|');

/**
 * A remedy as somebody can type it: with the name of the tunnel in it, and where it speaks of an
 * option or a key, the command that sets it.
 */
export function typedRemedy(remedy: string, name: string): string {
  const named = remedy.replaceAll('`tunneld restart`', `\`tunneld restart ${name}\``);
  if (/`tunneld (?:set|unset|up|client) /.test(named)) return named;
  const setting = SETTINGS.map(([pattern, words]) => {
    const found = pattern.exec(named);
    return found === null ? undefined : words(found);
  }).find((words) => words !== undefined);
  return setting === undefined ? named : `${named} Typed: \`tunneld set ${name} ${setting}\`.`;
}

/** The more exact first: a value that the remedy names is the value to be typed. */
const SETTINGS: readonly (readonly [RegExp, (found: RegExpExecArray) => string])[] = [
  [
    /--(path|url|port|host-header) ((?:\/|https?:|\d)\S*?)[.,;]?(?=\s|$)/,
    ([, option, value]) => `--${option} ${value}`,
  ],
  [/hostHeader\b.*\bexample (\S+?)\.?$/, ([, value]) => `--host-header ${value}`],
  [/\bhealth\.(probe|timeout|schedule) to (\w+)/, ([, key, value]) => `health.${key}=${value}`],
  [/\bhealth\.timeout\b/, () => 'health.timeout=30s'],
  [new RegExp(`\`((?:${PROVIDER})\\.\\w+): (\\w+)\``), ([, key, value]) => `${key}=${value}`],
  [new RegExp(`\`((?:${PROVIDER})\\.\\w+)\``), ([, key]) => `${key}=VALUE`],
  [/--(path|url|port|name|host-header)\b/, ([, option]) => `--${option} ${(option ?? '').toUpperCase()}`],
];
