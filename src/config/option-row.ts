/** An option of a command that sets a key of a configuration. */
export interface OptionRow {
  readonly type: 'boolean' | 'string';
  /** For `--help`; one line. */
  readonly summary: string;
  /** What the value is called there. Strings only. */
  readonly value?: string;
  /** The values there are, for completion. */
  readonly values?: readonly string[];
  /** May be given several times; its key holds a list then. Strings only. */
  readonly multiple?: boolean;
  /** The key it sets. */
  readonly key: string;
  /** What a boolean sets it to; `true` when absent. */
  readonly sets?: boolean;
  /** The keys it sets, where that is not the text as it was given. Strings that are given once only. */
  readonly read?: (text: string) => Readonly<Record<string, unknown>>;
}
