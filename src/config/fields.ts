import ms from 'ms';
import { validate as isCronExpression } from 'node-cron';
import { z } from 'zod';
import { readDuration } from '../core/duration.ts';
import { isUsableToken, WEAK_TOKEN } from './access-token.ts';
import { expected } from './expected.ts';
import { secret } from './secret-fields.ts';

/** The value types that several keys of the configuration share. */

/** `30s`, `5m`, `1h`, or a number of milliseconds. Parsed to milliseconds. */
export function duration(minMs: number, maxMs: number) {
  const range = `from ${ms(minMs)} to ${ms(maxMs)}`;
  const expected = `Expected a duration such as "30s" or "5m", ${range}`;
  return z.union([z.number(), z.string()], { error: expected }).transform((value, context) => {
    // A number in a file counts milliseconds; what is written as text says its unit.
    const read = typeof value === 'number' ? { ms: value } : readDuration(value);
    if ('ms' in read && read.ms >= minMs && read.ms <= maxMs) return read.ms;
    const why = 'ms' in read ? '' : `: "${value}" ${read.fault}`;
    context.addIssue({ code: 'custom', message: `${expected}${why}` });
    return z.NEVER;
  });
}

/** A whole number; `unit` is what it is called when it is out of range, such as `a port`. */
export function whole(min: number, max: number, unit = 'a whole number') {
  const inRange = expected(`${unit} from ${min} to ${max}`);
  return z
    .int({ error: expected('a whole number') })
    .min(min, { error: inRange })
    .max(max, { error: inRange });
}

export const port = whole(1, 65_535, 'a port');

/** 0 asks the system for a free port. */
export const listenPort = whole(0, 65_535, 'a port');

export const cronExpression = z
  .string()
  .refine(isCronExpression, 'Expected a cron expression with seconds, such as "*/30 * * * * *"');

/**
 * What a browser sends in `Origin`: of a web site, of an extension or an application
 * (`vscode-file://vscode-app`), or `null`. Brought into that form, whatever its case.
 */
export const origin = z.string().transform((text, context) => {
  const sent = asSent(text);
  if (sent !== undefined) return sent;
  context.addIssue({
    code: 'custom',
    message: 'Expected an origin such as "https://app.example.com" (no path)',
  });
  return z.NEVER;
});

function asSent(text: string): string | undefined {
  const lower = text.toLowerCase();
  if (lower === 'null') return lower;
  const [, scheme, host = ''] = ORIGIN.exec(lower) ?? [];
  if (scheme === undefined) return undefined;
  if (!/^https?$/.test(scheme)) return `${scheme}://${host}`;
  return URL.canParse(lower) ? new URL(lower).origin : undefined;
}

/** A star would match nobody: there are no patterns. */
const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@*\\\s]+)\/?$/;

/** A literal token, or `env:NAME`, or `file:PATH` with an absolute path or one that starts with `~/`. */
export const accessToken = secret(
  z.string().superRefine((text, context) => {
    const message = faultOfReference(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  }),
);

/** A secret: any text, or a reference with a name that can be one. */
export const secretReference = secret(
  z
    .string()
    .min(1)
    .superRefine((text, context) => {
      const message = /^(?:env|file):/.test(text) ? faultOfReference(text) : undefined;
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    }),
);

function faultOfReference(text: string): string | undefined {
  if (text.startsWith('env:')) {
    return /^env:[A-Za-z_]\w*$/.test(text)
      ? undefined
      : 'Expected the name of a variable after "env:", such as "env:FIGMA_TOKEN"';
  }
  if (text.startsWith('file:')) {
    return /^file:(?:\/|~\/)./.test(text)
      ? undefined
      : 'Expected "file:" with an absolute path, or one that starts with ~/';
  }
  return isUsableToken(text) ? undefined : WEAK_TOKEN;
}
