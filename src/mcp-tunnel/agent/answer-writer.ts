import type { Flow, ResponseHead } from '../../core/exchange.ts';
import type { OwnAnswer, OwnFailure } from './own-answer.ts';

/** How an answer goes onto the wire: whole, or in pieces. */
export interface AnswerWriter {
  /** What the relay waits for at most 30 s: the head, or everything. */
  readonly owes: 'head' | 'everything';
  /** @returns why the answer cannot be carried */
  head(head: ResponseHead, requestMethod: string): OwnFailure | undefined;
  /** Body bytes. @returns why the rest cannot be carried, or what became of them */
  data(chunk: Buffer): OwnFailure | Flow;
  end(): void;
  /** Instead of an answer. @returns whether it still could be sent: nothing was, so far */
  instead(answer: OwnAnswer): boolean;
  /** The answer will never be complete; a client that got a part of it has to see that. */
  broken(reason: string): void;
  /** The client has left. */
  forget(): void;
}
