import { type ErrorRow, SHARED_ERRORS } from './shared-errors.ts';

/** The codes there are. A provider adds those of its table by declaring this interface once more. */
export interface ErrorCodes extends Record<keyof typeof SHARED_ERRORS, ErrorRow> {}

export type ErrorCode = keyof ErrorCodes;

const rows = new Map<string, ErrorRow>(Object.entries(SHARED_ERRORS));

/** The codes of one provider. */
export type ErrorTable = Readonly<Record<string, ErrorRow>>;

/** Adds the codes of a provider to those this process knows. Returns them. */
export function errorTable<const Table extends ErrorTable>(table: Table): Table {
  for (const [code, row] of Object.entries(table)) rows.set(code, row);
  return table;
}

/** @returns undefined for a word that is no code, or one of a provider that is not loaded here */
export function errorRow(code: string): ErrorRow | undefined {
  return rows.get(code);
}

export function isErrorCode(word: string): word is ErrorCode {
  return rows.has(word);
}

/** One wrong key, for code that knows what the user typed for it: the name of an option. */
export interface KeyMistake {
  /** As in the config file, below the tunnel: `access.origins.0`; empty when it is about the whole. */
  readonly key: string;
  readonly what: string;
  /** Where it is in the file, `line:column` counted from 1; `environment` for a variable. */
  readonly place?: string;
}

export interface TunneldErrorOptions extends ErrorOptions {
  /** Replaces the catalogue's remedy where the place that throws knows a better one. */
  readonly remedy?: string;
  /** Another attempt makes no sense sooner than this (milliseconds). */
  readonly retryAfterMs?: number;
  /** The single mistakes, where the message lists them. */
  readonly mistakes?: readonly KeyMistake[];
  /** Of an error that another process reports, by a code that may not be known here. */
  readonly row?: Omit<ErrorRow, 'summary'>;
}

/** An expected failure. Anything else that is thrown is a bug and keeps its stack. */
export class TunneldError extends Error {
  override readonly name = 'TunneldError';
  readonly code: ErrorCode;
  /** Another attempt makes no sense sooner than this (milliseconds). */
  readonly retryAfterMs: number;
  readonly mistakes: readonly KeyMistake[];
  readonly #remedy: string | undefined;
  readonly #row: Omit<ErrorRow, 'summary'>;

  constructor(code: ErrorCode, message: string, options: TunneldErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.retryAfterMs = options.retryAfterMs ?? 0;
    this.mistakes = options.mistakes ?? [];
    this.#remedy = options.remedy;
    const row = rows.get(code) ?? options.row;
    if (row === undefined) throw new RangeError(`${code} is in no table of errors that was loaded`);
    this.#row = row;
  }

  get retryable(): boolean {
    return this.#row.retryable;
  }

  get remedy(): string {
    return this.#remedy ?? this.#row.remedy;
  }

  get exitCode(): number {
    return this.#row.exitCode;
  }
}
