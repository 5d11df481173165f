import type { CliIo } from './io.ts';

/** A command is data: help, parsing, suggestions and tests all read the same object. */
export interface Command {
  /** As typed: `status`, or two words: `token show`. */
  readonly name: string;
  /** One line for the overview; starts with a verb, no full stop. */
  readonly summary: string;
  readonly positionals: readonly Positional[];
  readonly options: Readonly<Record<string, Option>>;
  /** What the words after `--` are; without it they are positionals. */
  readonly trailing?: { readonly name: string; readonly key: string };
  /** What other programs call an option of ours: `--relay-domain` → `--domain`. A hint for whoever types it. */
  readonly otherNames?: Readonly<Record<string, string>>;
  /** Whether a first word begins another program's line: everything from there on is its own, as behind `--`. */
  readonly verbatimFrom?: (word: string) => boolean;
  /** Command lines that work as written, each with what it does. */
  readonly examples: readonly (readonly [line: string, effect: string])[];
  /** Paragraphs for `--help`: exit codes, side effects, anything a name does not say. */
  readonly notes?: readonly string[];
  /** Returns the process exit code. Prints only through `io`. */
  run(args: ParsedArgs, io: CliIo): Promise<number>;
}

export interface Positional {
  readonly name: string;
  readonly required: boolean;
  /** Takes every remaining word; only the last one may. */
  readonly rest?: boolean;
}

export interface Option {
  readonly type: 'boolean' | 'string';
  readonly summary: string;
  /** What the value is called in help: `port`, `url`. Strings only. */
  readonly value?: string;
  /** The values there are, for completion. One that is called `file` or `folder` is completed as such. */
  readonly values?: readonly string[];
  readonly short?: string;
  /** May be given several times. Strings only. */
  readonly multiple?: boolean;
  /** The key of a tunnel that it sets, as in the config file: `access.queryToken`. */
  readonly key?: string;
  /** What a bare `--wait` means; a value is then given as `--wait=VALUE` only. */
  readonly bareValue?: string;
}

/** All there is to type. */
export interface VerbTable {
  /** Loaded when used. A name of two words belongs to the group its first word names. */
  readonly verbs: Readonly<Record<string, () => Promise<Command>>>;
  /** Another name → the verb it stands for. */
  readonly aliases: Readonly<Record<string, string>>;
}

/** What `parse.ts` made of the words after the verb. Reading a name nobody declared gives nothing. */
export class ParsedArgs {
  readonly positionals: readonly string[];
  /** The words after `--`, where the verb takes such; undefined where no `--` was typed. */
  readonly trailing: readonly string[] | undefined;
  readonly #values: ReadonlyMap<string, readonly (string | true)[]>;

  constructor(
    positionals: readonly string[],
    values: ReadonlyMap<string, readonly (string | true)[]>,
    trailing?: readonly string[],
  ) {
    this.positionals = positionals;
    this.trailing = trailing;
    this.#values = values;
  }

  given(name: string): boolean {
    return this.#values.has(name);
  }

  flag(name: string): boolean {
    return this.#values.get(name)?.at(-1) === true;
  }

  /** The value given last, as everywhere on a command line. */
  text(name: string): string | undefined {
    const value = this.#values.get(name)?.at(-1);
    return value === true ? undefined : value;
  }

  list(name: string): readonly string[] {
    return (this.#values.get(name) ?? []).filter((value) => value !== true);
  }
}

/** What the exit codes mean, for every verb. Those of failures come from the error catalogue. */
export const ExitCode = { ok: 0, no: 1, usage: 2, notFound: 3, unreachable: 4, timedOut: 5 } as const;

/** Why `interrupted()` aborted: the user, or the system, wants this process to end. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP';

  constructor(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }

  /** What a shell expects of a process a signal ended. */
  get exitCode(): number {
    return 128 + { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[this.signal];
  }
}
