import { TunneldError } from '../../core/errors.ts';

export interface ShellLine {
  /** The words of each command; `&`, `&&`, `;` and line breaks stand between commands. */
  readonly commands: readonly (readonly string[])[];
  /** Variables whose values were put in, each once. */
  readonly variables: readonly string[];
}

/**
 * The words of a line as a POSIX shell would make them, without running anything.
 *
 * Quotes, backslashes, comments and plain variables are understood. What only a shell can do is
 * refused: a word that is not what the user's shell would have made is worse than none. Messages name
 * the construct and where it stands, never the text around it: there may be secrets in it.
 *
 * @param lookup the value of a variable; undefined when it is not set
 * @throws {TunneldError} `IMPORT_NOT_UNDERSTOOD`
 */
export function shellWords(line: string, lookup: (name: string) => string | undefined): ShellLine {
  return new Splitter(line, lookup).split();
}

/** What a shell does with these characters outside quotes, and tunneld does not. */
const REFUSED: Readonly<Record<string, string>> = {
  '`': 'a command in backticks',
  '|': 'a pipe',
  '<': 'a redirection',
  '>': 'a redirection',
  '(': 'a subshell',
  ')': 'a subshell',
  '*': 'a pattern for file names',
  '?': 'a pattern for file names',
  '[': 'a pattern for file names',
};

/** A web page or a word processor put these in place of quotes, dashes and blanks. */
const TYPOGRAPHIC = /[\u2018\u2019\u201c\u201d\u00ab\u00bb\u2013\u2014\u00a0]/;

class Splitter {
  readonly #text: string;
  readonly #lookup: (name: string) => string | undefined;
  readonly #variables = new Set<string>();
  readonly #missing = new Set<string>();
  readonly #commands: string[][] = [];
  #words: string[] = [];
  /** Undefined between words: an empty word in quotes is one. */
  #word: string | undefined;
  #at = 0;

  constructor(text: string, lookup: (name: string) => string | undefined) {
    this.#text = text.replaceAll('\r\n', '\n');
    this.#lookup = lookup;
  }

  split(): ShellLine {
    while (this.#at < this.#text.length) this.#step();
    this.#endCommand();
    if (this.#missing.size > 0) throw notSet([...this.#missing]);
    return { commands: this.#commands, variables: [...this.#variables] };
  }

  #step(): void {
    const char = this.#take();
    if (char === ' ' || char === '\t') this.#endWord();
    else if (char === '\n' || char === ';') this.#endCommand();
    else if (char === '&') {
      if (this.#peek() === '&') this.#take();
      else if (this.#peek() === '>') throw this.#refused('a redirection');
      this.#endCommand();
    } else if (char === '#' && this.#word === undefined) this.#skipComment();
    else if (char === "'") this.#singleQuoted();
    else if (char === '"') this.#doubleQuoted();
    else if (char === '\\') this.#escaped();
    else if (char === '$') this.#variable(false);
    else if (char === '~' && this.#word === undefined && /^(?:\/|\s|$)/.test(this.#rest())) {
      this.#put(this.#valueOf('HOME'));
    } else if (char === '{' && /^[^\s{}]*(?:,|\.\.)[^\s{}]*\}/.test(this.#rest())) {
      throw this.#refused('a list in braces');
    } else {
      const what = REFUSED[char];
      if (what !== undefined) throw this.#refused(what);
      this.#assertPlain(char);
      this.#put(char);
    }
  }

  #singleQuoted(): void {
    const start = this.#at;
    const end = this.#text.indexOf("'", start);
    if (end === -1) throw this.#refused("a ' that is never closed");
    this.#put(this.#text.slice(start, end));
    this.#at = end + 1;
  }

  #doubleQuoted(): void {
    const start = this.#at;
    this.#put('');
    for (;;) {
      if (this.#at >= this.#text.length) {
        this.#at = start;
        throw this.#refused('a " that is never closed');
      }
      const char = this.#take();
      if (char === '"') return;
      if (char === '`') throw this.#refused(REFUSED['`'] ?? '');
      if (char === '$') this.#variable(true);
      else if (char === '\\' && /^[$`"\\\n]/.test(this.#rest())) {
        const next = this.#take();
        if (next !== '\n') this.#put(next);
      } else this.#put(char);
    }
  }

  #escaped(): void {
    if (this.#at >= this.#text.length) throw this.#refused('a backslash at the end');
    const next = this.#take();
    if (next !== '\n') this.#put(next);
  }

  #variable(quoted: boolean): void {
    const [whole, braced, bare] = /^(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/.exec(this.#rest()) ?? [];
    const name = braced ?? bare;
    if (whole === undefined || name === undefined) {
      if (this.#peek() === '(') throw this.#refused('a command in $( )');
      if (this.#peek() === '{') throw this.#refused('a variable with a rule in braces');
      if (/^[0-9@*#?$!-]/.test(this.#rest()) || (!quoted && /^['"]/.test(this.#rest()))) {
        throw this.#refused('a special use of $');
      }
      this.#put('$');
      return;
    }
    this.#at += whole.length;
    const value = this.#valueOf(name);
    if (quoted) this.#put(value);
    else this.#putFields(value);
  }

  /** Without quotes a shell makes a word of each part between blanks. */
  #putFields(value: string): void {
    for (const [index, part] of value.split(/[ \t\n]+/).entries()) {
      if (index > 0) this.#endWord();
      if (part !== '') this.#put(part);
    }
  }

  #valueOf(name: string): string {
    const value = this.#lookup(name);
    this.#variables.add(name);
    if (value === undefined) this.#missing.add(name);
    return value ?? '';
  }

  #skipComment(): void {
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end === -1 ? this.#text.length : end;
  }

  #assertPlain(char: string): void {
    if (TYPOGRAPHIC.test(char)) throw this.#refused('a typographic quote, dash or blank');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\u0000-\u001f\u007f]/.test(char)) throw this.#refused('a control character');
  }

  #put(text: string): void {
    this.#word = (this.#word ?? '') + text;
  }

  #endWord(): void {
    if (this.#word !== undefined) this.#words.push(this.#word);
    this.#word = undefined;
  }

  #endCommand(): void {
    this.#endWord();
    if (this.#words.length > 0) this.#commands.push(this.#words);
    this.#words = [];
  }

  #take(): string {
    return this.#text.charAt(this.#at++);
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #rest(): string {
    return this.#text.slice(this.#at);
  }

  #refused(what: string): TunneldError {
    return new TunneldError(
      'IMPORT_NOT_UNDERSTOOD',
      `The line has ${what} at character ${this.#at}, which only a shell can work out`,
      { remedy: 'Write what it stands for, or put it in single quotes where it means itself.' },
    );
  }
}

function notSet(names: readonly string[]): TunneldError {
  const list = names.map((name) => `$${name}`).join(', ');
  return new TunneldError(
    'IMPORT_NOT_UNDERSTOOD',
    `The line uses ${list}, which ${names.length === 1 ? 'is' : 'are'} not set in this shell`,
    { remedy: 'Set and export what is named, or write the values into the line.' },
  );
}
