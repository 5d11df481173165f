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
  // A key of a provider; the list of them would cost a light command its start. Files have a dot as well.
  [/`((?!daemon\.|tunnels\.)[a-z]+\.\w+): (\w+)`/, ([, key, value]) => `${key}=${value}`],
  [/`((?!daemon\.|tunnels\.)[a-z]+\.(?!json`|yaml`|log`)\w+)`/, ([, key]) => `${key}=VALUE`],
  [/--(path|url|port|name|host-header)\b/, ([, option]) => `--${option} ${(option ?? '').toUpperCase()}`],
];
