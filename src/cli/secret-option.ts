import { usage } from './parse.ts';

/** @throws {TunneldError} `USAGE`; a secret typed as it is would be in every list of processes. */
export function assertReference(secret: string): void {
  if (isReference(secret)) return;
  throw usage(
    { name: 'up' },
    'A secret on the command line can be read by others: give env:NAME or file:PATH',
  );
}

export function isReference(text: string): boolean {
  return /^(?:env|file):./.test(text);
}
