/** What one agent may be asked for, and may answer. */
export interface AgentLimits {
  /** Requests in flight. */
  readonly streams: number;
  /** Of a request, which is sent in one piece (bytes). */
  readonly requestBodyBytes: number;
  /** Of an answer that comes in one piece (bytes). */
  readonly answerBodyBytes: number;
  /** Of an answer that comes faster than its visitor reads: what may wait here (bytes). */
  readonly answerQueueBytes: number;
}
