import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';

/**
 * What both generations of mcp-tunnel's client have in common: the registration, and how a request
 * is put to the local server. Written from the description of the protocol alone.
 */
export interface OldClientOptions {
  /** `http://…` or `ws://…` of the relay, as a user writes it. */
  readonly relay: string;
  readonly token: string;
  readonly subdomain?: string;
  /** What the person at the keyboard answers to an offer. */
  readonly choose?: (offered: readonly string[]) => string | undefined;
  /** The local server is `http://localhost:<port>`. */
  readonly localPort?: number;
  /** False: a process that hangs, and answers no ping. */
  readonly answersPings?: boolean;
  /** Sent before the registration. */
  readonly preamble?: readonly (string | Buffer)[];
  /** The Host header of the handshake. */
  readonly host?: string;
}

export interface OldClient {
  /** What the relay acknowledged. */
  readonly subdomain: string;
  readonly url: string;
  readonly ws: WebSocket;
  /** Everything the relay sent after the acknowledgement, parsed. */
  readonly received: readonly Record<string, unknown>[];
  /** How the connection ended. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  send(message: object): void;
}

/** @throws `Authentication failed: …`, as the clients report any close before the acknowledgement */
export async function registerOldClient(
  options: OldClientOptions,
  onMessage: (message: Record<string, unknown>, client: OldClient) => void,
): Promise<OldClient> {
  const { relay, token, subdomain, choose, preamble = [] } = options;
  const ws = new WebSocket(registerUrl(relay), {
    perMessageDeflate: false,
    autoPong: options.answersPings ?? true,
    ...(options.host === undefined ? {} : { headers: { host: options.host } }),
  });
  onTestFinished(() => ws.terminate());
  const received: Record<string, unknown>[] = [];
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    ws.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
  );
  ws.once('open', () => {
    for (const message of preamble) ws.send(message);
    ws.send(JSON.stringify({ token, subdomain: subdomain ?? null }));
  });
  return new Promise((resolve, reject) => {
    let client: OldClient | undefined;
    ws.on('error', (error) => reject(new Error(`Failed to connect to relay: ${error.message}`)));
    void closed.then(({ code, reason }) => reject(new Error(`Authentication failed: ${reason} (${code})`)));
    ws.on('message', (data, isBinary) => {
      const message = isBinary ? undefined : parsed(String(data));
      if (message === undefined) return;
      if (client !== undefined) {
        received.push(message);
        onMessage(message, client);
        return;
      }
      const { subdomain: assigned, url, subdomains } = message;
      if (typeof assigned === 'string' && typeof url === 'string') {
        const send = (outgoing: object) => ws.send(JSON.stringify(outgoing));
        client = { subdomain: assigned, url, ws, received, closed, send };
        resolve(client);
      } else if (Array.isArray(subdomains)) {
        const picked = choose?.(subdomains as string[]);
        if (picked !== undefined) ws.send(JSON.stringify({ subdomain: picked }));
      }
    });
  });
}

function registerUrl(relay: string): string {
  const base = relay.replace(/\/+$/, '');
  if (/^wss?:\/\//.test(base)) return `${base}/_tunnel/register`;
  if (/^https?:\/\//.test(base)) return `${base.replace(/^http/, 'ws')}/_tunnel/register`;
  return `wss://${base}/_tunnel/register`;
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const HOP_BY_HOP = [
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Puts a request to the local server, following its redirects as these clients do. */
export function askLocal(
  port: number,
  message: Record<string, unknown>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { method, path, headers, body } = message as {
    method: string;
    path: string;
    headers: Record<string, string>;
    body?: string | null;
  };
  const passed = Object.entries(headers).filter(([name]) => name !== 'host' && !HOP_BY_HOP.includes(name));
  const bytes = Buffer.from(body ?? '', 'base64');
  const send = (target: string, verb: string, left: number) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const url = new URL(target, `http://localhost:${port}`);
      const options: RequestOptions = {
        method: verb,
        headers: Object.fromEntries(passed),
        signal,
        family: 4,
      };
      const request = httpRequest(url, options, (response) => {
        const { statusCode = 0 } = response;
        const { location } = response.headers;
        if (statusCode < 300 || statusCode > 399 || location === undefined || left === 0) resolve(response);
        else {
          response.resume();
          resolve(send(new URL(location, url).href, statusCode < 307 ? 'GET' : verb, left - 1));
        }
      });
      request.on('error', reject);
      request.end(verb === 'GET' ? undefined : bytes);
    });
  return send(path, method, 10);
}

/** Header names in lower case, each once, the last value of a repeated one. */
export function headerObject(response: IncomingMessage): Record<string, string> {
  const { rawHeaders } = response;
  const headers: Record<string, string> = {};
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    const value = rawHeaders[at + 1] ?? '';
    if (!HOP_BY_HOP.includes(name) && /^[\x20-\x7e]*$/.test(value)) headers[name] = value;
  }
  return headers;
}
