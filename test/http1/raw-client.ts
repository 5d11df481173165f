import { once } from 'node:events';
import net from 'node:net';
import { onTestFinished } from 'vitest';
import { waitFor } from '../helpers/wait-for.ts';

/** A caller that sends exactly the bytes it is told to, and keeps everything it gets. */
export class RawClient {
  readonly socket: net.Socket;
  received = '';
  ended = false;
  closed = false;
  reset = false;

  constructor(port: number, host = '127.0.0.1') {
    this.socket = net.connect({ port, host, allowHalfOpen: true, noDelay: true });
    this.socket.on('data', (bytes: Buffer) => {
      this.received += bytes.toString('latin1');
    });
    this.socket.on('end', () => {
      this.ended = true;
    });
    this.socket.on('close', () => {
      this.closed = true;
    });
    this.socket.on('error', () => {
      this.reset = true;
    });
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Waits until `part` has arrived. @returns everything received so far */
  async until(part: string): Promise<string> {
    await waitFor(() => this.received.includes(part), {
      what: `"${part}" after ${JSON.stringify(this.received.slice(-300))}`,
    });
    return this.received;
  }

  /** Waits until the other side ended. @returns everything received */
  async untilEnd(): Promise<string> {
    await waitFor(() => this.ended || this.closed, { what: 'the end of the connection' });
    return this.received;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.socket.destroy();
    await once(this.socket, 'close');
  }
}

/** A raw client that the test need not close. */
export function connectTo(port: number): RawClient {
  const client = new RawClient(port);
  onTestFinished(() => client.close());
  return client;
}

/** How many answers with this status are in the text. */
export function answers(text: string, status = 200): number {
  return text.split(`HTTP/1.1 ${status} `).length - 1;
}
