import type { TunneldError } from '../../core/errors.ts';
import type { RpcMessage } from './rpc.ts';

/**
 * One connection to an MCP server that takes and gives one message at a time: a program over its
 * standard input and output, or a session of legacy HTTP+SSE. Each has one life; the next one is
 * another channel, so that nothing of the old one can be taken for an answer of the new one.
 */
export interface Channel {
  /** @param text one message, without a line break */
  send(text: string): void;
  /** Bytes that the server has not taken yet. */
  readonly backlog: number;
  /** Why it is over. Never rejects. */
  readonly closed: Promise<TunneldError>;
  /**
   * Ends it, and resolves when nothing of it is left. Idempotent.
   *
   * @param why what `closed` then says
   */
  close(why?: TunneldError): Promise<void>;
}

export interface ChannelListener {
  /** @param text the message as the server wrote it */
  message(message: RpcMessage, text: string): void;
}

/** Opens channels to one server. What cannot be opened is closed at once, with the reason. */
export interface ChannelSource {
  open(listener: ChannelListener): Channel;
}
