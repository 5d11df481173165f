import ms from 'ms';
import { readDuration } from '../../core/duration.ts';

/** What a setting was not written as. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
}

/** How a value is written, the same in an option, a variable and a file. */
export interface ValueKind<T> {
  /** What counts when nothing was said. */
  readonly fallback: T;
  /** A switch, or a list: several options, several words of a variable, a list in a file. */
  readonly shape?: 'switch' | 'list';
  /** Never shown. */
  readonly secret?: boolean;
  /** @throws {Unreadable} with what was expected; says nothing of a secret */
  read(texts: readonly string[]): T;
}

export const text: ValueKind<string | undefined> = { fallback: undefined, read: ([word]) => word };

export function textOr(fallback: string): ValueKind<string> {
  return { fallback, read: ([word = fallback]) => word };
}

/** A secret: the value itself, `env:NAME` or `file:PATH`. */
export const secret: ValueKind<string | undefined> = { ...text, secret: true };

export const secrets: ValueKind<readonly string[]> = {
  fallback: [],
  shape: 'list',
  secret: true,
  read: (words) => words,
};

/** Words; blanks and commas separate them as well. */
export const words: ValueKind<readonly string[]> = {
  fallback: [],
  shape: 'list',
  read: (given) => given.flatMap((word) => word.split(/[\s,]+/).filter((part) => part !== '')),
};

export const onOff: ValueKind<boolean> = {
  fallback: false,
  shape: 'switch',
  read([word = '']) {
    if (/^(?:1|true|yes|on)$/i.test(word)) return true;
    if (/^(?:0|false|no|off)$/i.test(word)) return false;
    throw new Unreadable(`Expected true or false, found "${word}"`);
  },
};

export function oneOf<const T extends string>(choices: readonly [T, ...T[]]): ValueKind<T> {
  return {
    fallback: choices[0],
    read([word = '']) {
      const choice = choices.find((candidate) => candidate === word);
      if (choice === undefined) throw new Unreadable(`Expected ${choices.join(' or ')}, found "${word}"`);
      return choice;
    },
  };
}

export function whole(fallback: number, most = 1_000_000): ValueKind<number> {
  return {
    fallback,
    read([word = '']) {
      if (/^\d{1,7}$/.test(word) && Number(word) <= most) return Number(word);
      throw new Unreadable(`Expected a whole number from 0 to ${most}, found "${word}"`);
    },
  };
}

/** `0.1`, `1/100` or `10%`. Read to a number from 0 to 1. */
export function share(fallback: number): ValueKind<number> {
  return {
    fallback,
    read([word = '']) {
      const [, over, under = '1', percent] = /^(\d+(?:\.\d+)?)(?:\/(\d+)|(%))?$/.exec(word) ?? [];
      const value = Number(over) / (percent === undefined ? Number(under) : 100);
      if (value >= 0 && value <= 1) return value;
      throw new Unreadable(`Expected a share such as 0.1 or 1/100, found "${word}"`);
    },
  };
}

/** `30s`, `5m`. Read to milliseconds. */
export function duration(fallback: number, most: number): ValueKind<number> {
  return {
    fallback,
    read([word = '']) {
      const read = readDuration(word);
      if ('ms' in read && read.ms <= most) return read.ms;
      const found = 'ms' in read ? `found "${word}"` : `"${word}" ${read.fault}`;
      throw new Unreadable(`Expected a duration such as "30s", up to ${ms(most)}: ${found}`);
    },
  };
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1_024, m: 1_048_576, g: 1_073_741_824 };

/** `5mb`, `512k`, or a number of bytes; a unit is a power of 1,024. */
export function bytes(fallback: number): ValueKind<number> {
  return {
    fallback,
    read([word = '']) {
      const [, digits = '', unit = ''] = /^(\d{1,15}) ?([kmg]?)i?b?$/i.exec(word) ?? [];
      const value = Number(digits) * (UNITS[unit.toLowerCase()] ?? 1);
      if (digits !== '' && Number.isSafeInteger(value)) return value;
      throw new Unreadable(`Expected a size such as "5mb" or a number of bytes, found "${word}"`);
    },
  };
}
