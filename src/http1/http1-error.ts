/**
 * A message that breaks HTTP/1.1, or that two parsers could read differently.
 *
 * `status` is what a caller gets for it (of a response head it is meaningless: that is a 502).
 * `reason` is a stable word for logs. The message never repeats bytes of the message itself.
 */
export class Http1Error extends Error {
  override readonly name = 'Http1Error';
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string) {
    super(`HTTP message refused: ${reason}`);
    this.status = status;
    this.reason = reason;
  }
}
