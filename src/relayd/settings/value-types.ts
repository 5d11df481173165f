import { z } from 'zod';
import { expected } from '../../config/expected.ts';
import { afterColon, secret } from '../../config/secret-fields.ts';
import { TunneldError } from '../../core/errors.ts';
import { parseNetworks } from './networks.ts';

/** The value types of the relay's settings that `config/fields.ts` does not have. */

export const text = z.string({ error: notText });

/** `file:PATH`, `env:NAME`, or the secret itself. */
export const secretText = secret(text.min(1, 'Expected text, found nothing'));

/** An http(s) URL, which may hold a password: it is not shown. */
export const privateUrl = secret(
  text.refine((url) => /^https?:/.test(url) && URL.canParse(url), 'Expected an http(s) URL'),
  (url) => (URL.canParse(url) && new URL(url).password !== '' ? passwordIn(url) : undefined),
);

/** `tunnel.example.com`, without scheme, port and path. */
export const hostName = text.refine(
  (host) => URL.canParse(`https://${host}`) && new URL(`https://${host}`).hostname === host.toLowerCase(),
  { error: expected('a host such as tunnel.example.com') },
);

/** An http(s) URL that names a place by itself. */
export const publicUrl = text.superRefine((written, context) => {
  const url = URL.canParse(written) ? new URL(written) : undefined;
  const complain = (message: string) => context.addIssue({ code: 'custom', message });
  if (url === undefined || !/^https?:$/.test(url.protocol)) complain(`"${written}" is not an http(s) URL`);
  else if (url.search !== '' || url.username !== '') {
    complain(`"${url.origin}" must stand alone, without query and user`);
  }
});

export const mailAddress = text.regex(/^[^\s@,]+@[^\s@,]+$/, {
  error: expected('a mail address such as ops@example.com'),
});

export const flag = z.boolean({ error: expected('true or false') });

export function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, { error: expected(values.join(' or ')) });
}

/** `0.1`, `1/100` or `10%`. Parsed to a number from 0 to 1. */
export const share = fromScalar('a share such as 0.1 or 1/100', { minimum: 0, maximum: 1 }, (written) => {
  const [, over, under = '1', percent] = /^(\d+(?:\.\d+)?)(?:\/(\d+)|(%))?$/.exec(written) ?? [];
  const value = Number(over) / (percent === undefined ? Number(under) : 100);
  return value >= 0 && value <= 1 ? value : undefined;
});

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1_024, m: 1_048_576, g: 1_073_741_824 };

/** `5mb`, `512k`, or a number of bytes; a unit is a power of 1,024. Parsed to bytes. */
export const size = fromScalar('a size such as "5mb" or a number of bytes', { minimum: 0 }, (written) => {
  const [, digits = '', unit = ''] = /^(\d{1,15}) ?([kmg]?)i?b?$/i.exec(written) ?? [];
  const value = Number(digits) * (UNITS[unit.toLowerCase()] ?? 1);
  return digits !== '' && Number.isSafeInteger(value) ? value : undefined;
});

/** Each entry may hold several, with blanks or commas between them. Parsed to a `BlockList`. */
export const networks = z
  .array(text, { error: expected('a list of networks') })
  .transform((list, context) => {
    try {
      return parseNetworks(list.flatMap((entry) => entry.split(/[\s,]+/).filter((part) => part !== '')));
    } catch (error) {
      if (!(error instanceof TunneldError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });

/** A token of agents and the names it may have: one text, or two keys. */
export const tokenEntry = z.union(
  [
    secret(text.min(1, 'Expected text, found nothing'), (_, [key]) =>
      key === 'names' ? undefined : { start: 0 },
    ),
    z.strictObject({
      token: secretText.describe('The token, or `file:PATH` or `env:NAME`.'),
      names: z.array(text).min(1).describe('The names it may have; `*` stands for any text.'),
    }),
  ],
  {
    error: (issue) =>
      typeof issue.input === 'object' && issue.input !== null
        ? 'Expected the keys `token` and `names`, a list'
        : notText(issue),
  },
);

/** @param read undefined refuses what was written */
function fromScalar(
  what: string,
  limits: Readonly<Record<string, unknown>>,
  read: (written: string) => number | undefined,
) {
  const error = expected(what);
  return z
    .union([z.number(), z.string()], { error })
    .meta(limits)
    .transform((written, context) => {
      const value = read(String(written));
      if (value !== undefined) return value;
      context.addIssue({ code: 'custom', message: error({ input: written }) });
      return z.NEVER;
    });
}

/** 0123 and 1e5 are numbers to YAML: what it makes of them is not what was written. Shows no secret. */
function notText({ input }: { readonly input?: unknown }): string {
  const isScalar = typeof input === 'number' || typeof input === 'boolean';
  return isScalar ? 'Expected text: put it in quotes' : expected('text')({ input });
}

function passwordIn(url: string): { readonly start: number } {
  const { start } = afterColon(url.replace(/^https?:\/\//, ''));
  return { start: start + url.indexOf('//') + 2 };
}
