import { z } from 'zod';
import { duration } from './fields.ts';
import { isReference, secret } from './secret-fields.ts';
import { faultOfHttpUrl } from './upstream-url.ts';

/** The keys of a server that is a program: what tunneld starts, and how it lives. */
export const serverKeys = {
  sse: z
    .string()
    .superRefine((text, context) => {
      const message = faultOfHttpUrl(text);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .optional()
    .describe(
      'Where a server of legacy HTTP+SSE opens its event stream, such as `http://127.0.0.1:3845/sse`: it is offered as Streamable HTTP too. Instead of `url`.',
    ),
  command: z
    .array(z.string())
    .min(1, 'Expected the program and its arguments, such as [npx, -y, some-server]')
    .refine((words) => words[0]?.trim() !== '', 'Expected a program in front of its arguments')
    .refine((words) => words.every((word) => !word.includes('\0')), 'Expected text without zero bytes')
    .optional()
    .describe(
      'A program that is an MCP server over stdio, and its arguments; no shell reads them. Instead of `port` and `url`.',
    ),
  env: secret(
    z.record(
      z.string().regex(/^[A-Za-z_]\w*$/, 'Expected the name of a variable'),
      z.string().refine((text) => !text.includes('\0'), 'Expected text without zero bytes'),
    ),
    findInEnv,
  )
    .optional()
    .describe(
      'Variables for the program: a literal, `env:NAME` or `file:PATH`. Besides these it gets PATH, HOME and LANG only.',
    ),
  cwd: z
    .string()
    .regex(/^(?:\/|~(?:\/|$))[^\0]*$/, 'Expected an absolute path, or one that starts with ~/')
    .optional()
    .describe(
      'Folder in which the program runs. The home folder by default; with `tunneld up`, the one it is typed in.',
    ),
  process: z
    .enum(['per-session', 'shared'])
    .optional()
    .describe(
      'Whether every MCP session gets a process of its own, or all share one. `per-session` by default.',
    ),
  start: z
    .enum(['at-once', 'on-demand'])
    .optional()
    .describe(
      'When the program is first started: with the tunnel, or by the first call. `at-once` by default.',
    ),
  idle: z
    .union([z.literal('off'), duration(1_000, 86_400_000)], {
      error: 'Expected "off" or a duration such as "10m", from 1s to 24h',
    })
    .optional()
    .describe(
      'A process that nobody used for this long is ended, until it is needed again. `off` by default.',
    ),
} as const;

/** Where the server is: one of these. */
export const SERVER_KEYS = ['port', 'url', 'sse', 'command'] as const;

/** Keys that mean something only beside `command`. */
export const COMMAND_ONLY = ['env', 'cwd', 'process', 'start', 'idle'] as const;

export const serverLimits = {
  processes: z
    .int()
    .min(1)
    .max(10_000)
    .default(64)
    .describe(
      'Processes of one `command`, or sessions of one `sse`, at once; the session that was idle longest makes room.',
    ),
  messageBytes: z
    .int()
    .min(65_536)
    .max(268_435_456)
    .default(33_554_432)
    .describe('Largest message to or from a `command` or `sse` (bytes).'),
} as const;

/** A variable of that name is a secret, however short its value. */
const SOUNDS_SECRET = /key|token|secret|pass|auth|cred|cookie/i;
const SHORT_LITERAL = 20;

/** Whether a variable of that name holds a secret there, and not where one is. */
export function isLiteralSecret(name: string, text: string): boolean {
  return !isReference(text) && (text.length >= SHORT_LITERAL || SOUNDS_SECRET.test(name));
}

/** `NODE_ENV: production` is masked where it is shown, and is a word that logs may have. */
function findInEnv(text: string, [name = '']: readonly string[]) {
  return isReference(text) || isLiteralSecret(name, text) ? { start: 0 } : { start: 0, everyday: true };
}
