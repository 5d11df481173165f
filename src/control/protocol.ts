import { z } from 'zod';
import { TunneldError } from '../core/errors.ts';

/** What the bodies of requests look like. The client does not load this: zod takes its time. */
export const requestBodies = {
  /** The tunnel's definition is checked by the daemon, which knows the providers. */
  up: z.strictObject({ spec: z.unknown().optional() }),
  change: z.strictObject({
    set: z.record(z.string(), z.unknown()).optional(),
    unset: z.array(z.string()).optional(),
  }),
  rotateToken: z.strictObject({
    graceMs: z
      .number()
      .min(0)
      .max(30 * 86_400_000),
  }),
};

/** @throws {TunneldError} `USAGE` */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new TunneldError('USAGE', `The daemon cannot use this request: ${z.prettifyError(result.error)}`);
}
