/**
 * A message about keys in the words of whoever reads it: a key between backticks, alone or with a
 * value, is spelled by `spell`.
 *
 * @param spell undefined leaves it as it is. `value` is absent where the message gives none.
 */
export function spellKeys(
  message: string,
  spell: (key: string, value: string | undefined) => string | undefined,
): string {
  return message.replace(
    /`([A-Za-z.]+)(?:: ([^`]*))?`/g,
    (written, key: string, value?: string) => spell(key, value) ?? written,
  );
}
