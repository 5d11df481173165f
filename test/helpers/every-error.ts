import type { ErrorTable } from '../../src/core/errors.ts';
import { SHARED_ERRORS } from '../../src/core/shared-errors.ts';
import type { ProviderKind } from '../../src/providers/kind.ts';
import { KINDS } from '../../src/providers/kinds.ts';

/** The shared codes, then those of each provider, in the order of docs/errors.md. */
export const everyError: ErrorTable = Object.assign(
  {},
  SHARED_ERRORS,
  ...KINDS.map(({ errors }: ProviderKind) => errors),
);
