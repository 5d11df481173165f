import { TunneldError } from '../../core/errors.ts';

/** What became of one part of what was imported. `from` is for people to see and holds no secret. */
export type Note =
  | { readonly kind: 'carried'; readonly from: string; readonly key: string; readonly remark?: string }
  | { readonly kind: 'same'; readonly from: string; readonly why: string }
  | { readonly kind: 'left'; readonly from: string; readonly why: string };

/**
 * A tunnel in the making: keys as in the config file, secrets still as they are, and a note for each
 * part of what they came from.
 */
export class Recipe {
  readonly notes: Note[] = [];
  readonly keys: Record<string, unknown> = {};
  /** Secrets that were met, those that are not carried over too: nothing printed may hold one. */
  readonly secrets = new Set<string>();
  /** What to do once the tunnel is there. */
  readonly advice: string[] = [];
  #name: string | undefined;
  #lastResort: string | undefined;

  /** A name for the tunnel; the first one given counts. */
  suggestName(text: string | undefined): void {
    this.#name ??= text === undefined ? undefined : tunnelNameFrom(text);
  }

  /** The same for when nothing else gives one: the folder of a file. */
  suggestNameLater(text: string): void {
    this.#lastResort ??= tunnelNameFrom(text);
  }

  get name(): string | undefined {
    return this.#name ?? this.#lastResort;
  }

  /** Sets a key, as `pinggy.token`; a list grows. */
  carry(from: string, key: string, value: unknown, remark?: string): void {
    this.set(key, value);
    this.notes.push({ kind: 'carried', from, key, ...(remark === undefined ? {} : { remark }) });
  }

  /** The same without a note: what the user did not write, but what it means. */
  set(key: string, value: unknown): void {
    const path = key.split('.');
    const last = path.pop() ?? '';
    let into = this.keys;
    for (const segment of path) {
      into[segment] ??= {};
      into = into[segment] as Record<string, unknown>;
    }
    const known = into[last];
    const all = Array.isArray(value) && Array.isArray(known) ? [...known, ...value] : value;
    // A variable of the server may have any name, `__proto__` too.
    Object.defineProperty(into, last, { value: all, enumerable: true, configurable: true, writable: true });
  }

  get(key: string): unknown {
    return key
      .split('.')
      .reduce<unknown>(
        (value, segment) => (value as Record<string, unknown> | undefined)?.[segment],
        this.keys,
      );
  }

  /** tunneld does it anyway. */
  same(from: string, why: string): void {
    this.notes.push({ kind: 'same', from, why });
  }

  leave(from: string, why: string): void {
    this.notes.push({ kind: 'left', from, why });
  }

  secret(value: string): void {
    if (value !== '') this.secrets.add(value);
  }

  advise(text: string): void {
    if (!this.advice.includes(text)) this.advice.push(text);
  }
}

/** The nearest usable name; undefined when nothing of the text can be one. */
export function tunnelNameFrom(text: string): string | undefined {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 32)
    .replace(/-+$/, '');
  if (name === '') return undefined;
  return name === 'daemon' ? 'daemon-mcp' : name;
}

/** `<TOKEN>`, `{MCP_PORT}`: what a guide leaves for its reader to fill in. */
export function assertFilledIn(words: readonly string[]): void {
  for (const word of words) {
    const [found] = /\{[A-Z][A-Z0-9_]*\}|<[A-Za-z][A-Za-z0-9_ -]*>/.exec(word) ?? [];
    if (found === undefined) continue;
    throw new TunneldError('IMPORT_NOT_UNDERSTOOD', `${found} still has to be filled in`, {
      remedy: `Put the real value in the place of ${found}.`,
    });
  }
}

export function notUnderstood(message: string, remedy?: string): TunneldError {
  return new TunneldError('IMPORT_NOT_UNDERSTOOD', message, remedy === undefined ? {} : { remedy });
}
