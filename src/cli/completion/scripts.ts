import type { VerbWords, Vocabulary, Word } from './vocabulary.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A script for the shell to read. Names of tunnels are asked for when they are needed. */
export function completionScript(shell: Shell, vocabulary: Vocabulary): string {
  return { bash, zsh, fish }[shell](vocabulary);
}

function bash(vocabulary: Vocabulary): string {
  return `# tunneld: completion for bash
_tunneld() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} words= names=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${texts(vocabulary.first)}' -- "$cur"))
    return
  fi
${shellCases(vocabulary, 'words', `"\${COMP_WORDS[1]}"`, `"\${COMP_WORDS[2]}"`, '$COMP_CWORD', 2)}
  [ "$prev" = = ] && prev=\${COMP_WORDS[COMP_CWORD-2]}
  [ "$cur" = = ] && cur=
  case "$words:$prev" in
${valueCases(vocabulary, (words) => `COMPREPLY=($(compgen -W '${words}' -- "$cur"))`, 'COMPREPLY=($(compgen -f -- "$cur"))')}
  esac
  case "$words" in *" $prev= "*) return ;; esac
  words=\${words//=/}
  case $cur in
    -*) COMPREPLY=($(compgen -W "$words" -- "$cur")) ;;
    *) [ -n "$names" ] && COMPREPLY=($(compgen -W "$(tunneld completion names 2>/dev/null)" -- "$cur")) ;;
  esac
}
complete -F _tunneld tunneld
`.replaceAll('__SECOND__', `COMPREPLY=($(compgen -W "$words" -- "$cur")); return`);
}

function zsh(vocabulary: Vocabulary): string {
  return `#compdef tunneld
# tunneld: completion for zsh
_tunneld() {
  local names= prev=\${words[CURRENT-1]}
  if (( CURRENT == 2 )); then
    local -a first=(${described(vocabulary.first)})
    _describe verb first
    return
  fi
  local list=
${shellCases(vocabulary, 'list', `"\${words[2]}"`, `"\${words[3]}"`, '$CURRENT', 3)}
  case "$list:$prev" in
${valueCases(vocabulary, (words) => `compadd -- ${words}`, '_files')}
  esac
  case "$list" in *" $prev= "*) return ;; esac
  list=\${list//=/}
  if [[ $PREFIX == -* ]]; then
    compadd -- \${=list}
  elif [[ -n $names ]]; then
    compadd -- \${(f)"$(tunneld completion names 2>/dev/null)"}
  fi
}
if [ "$funcstack[1]" = _tunneld ]; then _tunneld "$@"; else compdef _tunneld tunneld; fi
`.replaceAll('__SECOND__', `compadd -- \${=list}; return`);
}

function fish(vocabulary: Vocabulary): string {
  const lines = vocabulary.first.map(
    ({ text, summary }) => `complete -c tunneld -n __fish_use_subcommand -a ${text} -d ${quoted(summary)}`,
  );
  for (const [group, seconds] of vocabulary.groups) {
    const known = texts(seconds);
    const when = `__fish_seen_subcommand_from ${group}; and not __fish_seen_subcommand_from ${known}`;
    for (const { text, summary } of seconds)
      lines.push(`complete -c tunneld -n ${quoted(when)} -a ${text} -d ${quoted(summary)}`);
  }
  for (const { verb, options, takesName } of vocabulary.verbs) {
    const when = verb
      .split(' ')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join('; and ');
    for (const { text, summary, short, takesValue, values } of options) {
      const letter = short === undefined ? '' : ` -s ${short}`;
      const words =
        values === 'files' ? ' -F' : values === undefined ? '' : ` -a ${quoted(values.join(' '))}`;
      const value = takesValue ? ` -r${words}` : '';
      lines.push(
        `complete -c tunneld -n ${quoted(when)} -l ${text.slice(2)}${letter}${value} -d ${quoted(summary)}`,
      );
    }
    if (takesName)
      lines.push(`complete -c tunneld -n ${quoted(when)} -a '(tunneld completion names 2>/dev/null)'`);
  }
  return `# tunneld: completion for fish\ncomplete -c tunneld -f\n${lines.join('\n')}\n`;
}

/**
 * Sets `names` to 1, and a variable to the options of the verb typed, those that take a value with `=`.
 *
 * @param list the name of that variable
 */
function shellCases(
  vocabulary: Vocabulary,
  list: string,
  first: string,
  second: string,
  at: string,
  secondAt: number,
): string {
  const groups = [...vocabulary.groups].map(([group, seconds]) => {
    // A group that is a verb as well: its options may follow too.
    const own = vocabulary.verbs.find(({ verb }) => verb === group)?.options ?? [];
    return `      ${group}) ${list}='${texts([...seconds, ...own])}'; __SECOND__ ;;`;
  });
  const single = vocabulary.verbs.filter(({ verb }) => !verb.includes(' '));
  const double = vocabulary.verbs.filter(({ verb }) => verb.includes(' '));
  const setting = (verb: VerbWords) => caseOf(verb, list);
  return [
    `  if [ "${at}" -eq ${secondAt} ]; then`,
    `    case ${first} in`,
    ...groups,
    '    esac',
    '  fi',
    `  case ${first}" "${second} in`,
    ...double.map(setting),
    `    *) case ${first} in`,
    ...single.map(setting),
    '    esac ;;',
    '  esac',
  ].join('\n');
}

/** What to do after an option whose values are known; the verb has to have that option, with a value. */
function valueCases({ verbs }: Vocabulary, offer: (words: string) => string, offerFiles: string): string {
  const known = new Map<string, readonly string[] | 'files'>();
  for (const { text, values, takesValue } of verbs.flatMap(({ options }) => options)) {
    if (takesValue && values !== undefined) known.set(text, values);
  }
  return [...known]
    .map(([text, values]) => {
      const act = values === 'files' ? offerFiles : offer(values.join(' '));
      return `    *" ${text}= "*:${text}) ${act}; return ;;`;
    })
    .join('\n');
}

function caseOf({ verb, options, takesName }: VerbWords, list: string): string {
  const words = options.map(({ text, takesValue }) => (takesValue ? `${text}=` : text)).join(' ');
  return `    '${verb}') ${list}=' ${words} '; names=${takesName ? '1' : ''} ;;`;
}

function texts(words: readonly Word[]): string {
  return words.map(({ text }) => text).join(' ');
}

function described(words: readonly Word[]): string {
  return words.map(({ text, summary }) => quoted(`${text}:${summary}`)).join(' ');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
