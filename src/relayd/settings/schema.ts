import { relayValues } from './keys.ts';
import { checkRules } from './rules.ts';

/** All of `relay.yaml`: its keys, and the rules that hold between them. */
export const relaySchema = relayValues.superRefine(checkRules, {
  // Also when single keys have mistakes: all are reported at once.
  when: ({ value }) => typeof value === 'object' && value !== null,
});
