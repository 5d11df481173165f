import type { Basis } from '../../core/status.ts';
import type { Saw } from '../judge-server.ts';
import type { ProbeResult } from '../probe-result.ts';
import type { Answer, Question } from '../question.ts';

/** A question without the leg's own part: its address, its Host, its credentials. */
export interface LegQuestion extends Omit<Question, 'url'> {
  /** Instead of the MCP path. */
  readonly path?: string;
}

/** Asks the server. Gives its answer, or what was seen instead of one. */
export type AskLeg = (question: LegQuestion) => Promise<Answer | Saw>;

export function isAnswer(heard: Answer | Saw): heard is Answer {
  return 'status' in heard;
}

/** The result with what it rests on. */
export function restingOn(basis: Basis, saw: Saw): ProbeResult {
  return { ...saw, basis: saw.basis ?? basis };
}

/**
 * A session id that no server ever gave out. A question that carries one opens no session: old Python
 * servers keep a transport for every request without.
 */
export const MADE_UP_SESSION = { 'mcp-session-id': 'tunneld-health-probe' } as const;

export const POST_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
} as const;
