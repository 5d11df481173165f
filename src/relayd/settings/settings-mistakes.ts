import { TunneldError } from '../../core/errors.ts';

/** Where settings are said. */
export type SourceKind = 'option' | 'variable' | 'file';

/** Something that is wrong with what was said. */
export interface SettingsMistake {
  /** With the place: `relay.yaml:3:1 port: …`. */
  readonly text: string;
  readonly kind: SourceKind;
  /** Characters from the start of the file. */
  readonly offset?: number;
}

/** One error for all of them, those of the file first; `USAGE` when everything was typed just now. */
export function settingsError(mistakes: readonly SettingsMistake[]): TunneldError {
  const texts = mistakes.toSorted((a, b) => rank(a) - rank(b)).map(({ text }) => text);
  const [only = ''] = texts;
  const message =
    texts.length === 1
      ? only
      : `The relay's settings have ${texts.length} mistakes:\n${texts.map((text) => `  ${text}`).join('\n')}`;
  return mistakes.every(({ kind }) => kind === 'option')
    ? new TunneldError('USAGE', message, { remedy: '`tunneld relay --help` shows how it is used.' })
    : new TunneldError('CONFIG_INVALID', message, {
        remedy: 'Correct what is listed; `tunneld relay check` looks at it without starting the relay.',
      });
}

/** Those of the file in its order; others keep theirs. */
function rank({ kind, offset = 0 }: SettingsMistake): number {
  return kind === 'file' ? offset : Number.MAX_SAFE_INTEGER;
}
