import type { Answer, Question } from '../http-asker.ts';
import type { Sighting } from '../sighting.ts';

/** A question without the leg's own part: its address, its Host, its credentials. */
export interface LegQuestion extends Omit<Question, 'url'> {
  /** Instead of the MCP path. */
  readonly path?: string;
}

/**
 * Asks through one leg. Gives the server's answer, or a sighting when none came or somebody on the
 * way answered instead.
 */
export type AskLeg = (question: LegQuestion) => Promise<Answer | Sighting>;

export function isSighting(heard: Answer | Sighting): heard is Sighting {
  return 'finding' in heard;
}
