import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { TunneldError } from '../../core/errors.ts';
import { isLoopbackHost } from '../../core/loopback.ts';
import type { Channel, ChannelListener, ChannelSource } from '../bridge/channel.ts';
import { LineReader } from '../bridge/line-reader.ts';
import { asMessage, failureText, isRequest, RPC } from '../bridge/rpc.ts';

export interface SseOptions {
  /** Where the server opens its event stream. */
  readonly url: URL;
  /** `Host` that it is shown. */
  readonly hostHeader: string;
  /** Largest message (bytes). */
  readonly messageBytes: number;
}

/**
 * Sessions of a server that speaks HTTP+SSE, one for each channel. A stream that breaks is the end of
 * its session: a client that quietly connects again, as the one of the SDK does, has a session that
 * was never opened.
 */
export class SseSessions implements ChannelSource {
  readonly #options: SseOptions;

  constructor(options: SseOptions) {
    this.#options = options;
  }

  open(listener: ChannelListener): Channel {
    return new SseChannel(this.#options, listener);
  }
}

class SseChannel implements Channel {
  readonly closed: Promise<TunneldError>;
  readonly #options: SseOptions;
  readonly #listener: ChannelListener;
  readonly #agent: HttpAgent;
  readonly #reader: LineReader;
  readonly #abort = new AbortController();
  #settle: (why: TunneldError) => void = () => {};
  #endpoint: URL | undefined;
  #event = { name: '', data: [] as string[] };
  /** What waits for the endpoint, or for a message before it. */
  readonly #queue: string[] = [];
  #queued = 0;
  #held = false;
  #over = false;

  constructor(options: SseOptions, listener: ChannelListener) {
    this.#options = options;
    this.#listener = listener;
    this.#reader = new LineReader(options.messageBytes);
    this.#agent = agentFor(options.url);
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#listen();
  }

  get backlog(): number {
    return this.#queued;
  }

  send(text: string): void {
    if (this.#over) return;
    this.#queue.push(text);
    this.#queued += text.length;
    this.#sendOn();
  }

  async close(why?: TunneldError): Promise<void> {
    this.#end(why ?? new TunneldError('SESSION_ENDED', 'The session with the server was ended'));
  }

  #end(why: TunneldError): void {
    if (this.#over) return;
    this.#over = true;
    this.#abort.abort();
    this.#agent.destroy();
    this.#settle(why);
  }

  #listen(): void {
    const { url, hostHeader } = this.#options;
    const headers = { accept: 'text/event-stream', 'cache-control': 'no-cache', host: hostHeader };
    const call = this.#request(url, 'GET', headers, (response) => {
      const type = response.headers['content-type'] ?? 'no type';
      if (response.statusCode !== 200 || !type.startsWith('text/event-stream')) {
        this.#lost(`opens no event stream (${response.statusCode}, ${type})`);
        return;
      }
      response.on('data', (chunk: Buffer) => this.#read(chunk));
      response.once('close', () => this.#lost('closed its event stream'));
      response.on('error', () => {});
    });
    call.on('error', (error: NodeJS.ErrnoException) =>
      this.#lost(`cannot be reached (${error.code ?? error.message})`),
    );
    call.end();
  }

  #lost(what: string): void {
    this.#end(new TunneldError('SERVER_UNREACHABLE', `The server at ${this.#options.url.href} ${what}`));
  }

  #read(chunk: Buffer): void {
    if (this.#over) return;
    if (!this.#reader.push(chunk, (line) => this.#line(line))) {
      this.#lost(`sent an event of more than ${this.#options.messageBytes} bytes`);
    }
  }

  #line(line: string): void {
    if (line === '') {
      const { name, data } = this.#event;
      this.#event = { name: '', data: [] };
      if (data.length > 0) this.#received(name, data);
      return;
    }
    const [, field = '', value = ''] = /^([^:]*)(?:: ?([\s\S]*))?$/.exec(line) ?? [];
    if (field === 'event') this.#event.name = value;
    if (field === 'data') this.#event.data.push(value);
  }

  #received(name: string, data: readonly string[]): void {
    if (name === 'endpoint') this.#hasEndpoint(data.join(''));
    else if (name === '' || name === 'message') this.#message(data.join('\n'), data.length === 1);
  }

  #hasEndpoint(reference: string): void {
    const { url } = this.#options;
    const endpoint = URL.canParse(reference, url.href) ? new URL(reference, url) : undefined;
    // It names itself as it likes; messages go where the stream came from.
    if (endpoint === undefined) {
      this.#lost('names no endpoint for messages');
      return;
    }
    this.#endpoint = new URL(endpoint.pathname + endpoint.search, url);
    this.#sendOn();
  }

  #message(text: string, oneLine: boolean): void {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return;
    }
    const message = asMessage(value);
    if (message !== undefined) this.#listener.message(message, oneLine ? text : JSON.stringify(message));
  }

  #sendOn(): void {
    while (this.#endpoint !== undefined && !this.#held && this.#queue.length > 0) {
      const text = this.#queue.shift() ?? '';
      this.#queued -= text.length;
      this.#post(this.#endpoint, text);
    }
  }

  #post(endpoint: URL, text: string): void {
    const message = asMessage(JSON.parse(text));
    const request = message !== undefined && isRequest(message) ? message : undefined;
    // What follows a notification relies on it; a request may take its time.
    this.#held = request === undefined;
    const settled = (failure?: string) => {
      if (request === undefined) this.#held = false;
      if (failure !== undefined && request !== undefined && !this.#over) {
        const answer = failureText(request.id, {
          code: RPC.internal,
          message: `The server at ${this.#options.url.href} ${failure}`,
        });
        this.#listener.message(JSON.parse(answer), answer);
      }
      this.#sendOn();
    };
    const headers = {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(text)),
      host: this.#options.hostHeader,
    };
    const call = this.#request(endpoint, 'POST', headers, (response) => {
      response.resume();
      const { statusCode = 0 } = response;
      settled(statusCode >= 200 && statusCode < 300 ? undefined : `refused a message (${statusCode})`);
    });
    call.on('error', (error: NodeJS.ErrnoException) =>
      settled(`took no message (${error.code ?? error.message})`),
    );
    call.end(text);
  }

  #request(
    url: URL,
    method: string,
    headers: Readonly<Record<string, string>>,
    answered: (response: IncomingMessage) => void,
  ) {
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    return request(url, { method, headers, agent: this.#agent, signal: this.#abort.signal }, answered);
  }
}

function agentFor(url: URL): HttpAgent {
  const options = { keepAlive: true, scheduling: 'lifo' } as const;
  if (url.protocol !== 'https:') return new HttpAgent(options);
  // A local server has a self-signed certificate or none anybody could verify.
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return new HttpsAgent({ ...options, rejectUnauthorized: !isLoopbackHost(host) });
}
