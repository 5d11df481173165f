import { parseJson } from '../../core/parse-json.ts';
import { base64Of, bytesOf } from './base64.ts';

/**
 * The messages of mcp-tunnel and of mcpr's relay: one JSON object in one WebSocket text message.
 *
 * There are two generations, which register alike. The first (`buffered`: mcp-tunnel 0.1, mcpr up to
 * 0.5.43) sends a whole answer in one untagged message; the second (`streamed`: 0.2) tags every
 * message with `kind` and sends head and chunks. Neither says its version: a request shows it.
 *
 * The decoders return undefined for what the official peers skip: text that is not such a message.
 */
export type Generation = 'buffered' | 'streamed';

/** Lower-case names; each once, since the wire has no way to repeat one. */
export type HeaderMap = ReadonlyMap<string, string>;

/** Agent to relay, the first message. */
export interface RegisterRequest {
  readonly token: string;
  /** Undefined: no wish. */
  readonly subdomain: string | undefined;
}

/** Relay to agent: registered. */
export interface RegisterAck {
  readonly subdomain: string;
  /** Always `https://<subdomain>.<domain>`, whatever stands in front of the relay. */
  readonly url: string;
}

/** Relay to agent: choose one of these; they may hold wildcards. */
export interface SubdomainOffer {
  readonly subdomains: readonly string[];
}

/** Agent to relay: the choice. */
export interface SubdomainPick {
  readonly subdomain: string;
}

/** Relay to agent: a visitor's request, in the generation the relay speaks. */
export interface TunnelRequest {
  readonly generation: Generation;
  readonly id: string;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: HeaderMap;
  /** Empty when there is none; undefined when it is not base64. */
  readonly body: Buffer | undefined;
}

/** Relay to agent, second generation only: the visitor of this request has left. */
export interface Cancel {
  readonly id: string;
}

export type RelayMessage =
  | ({ readonly kind: 'request' } & TunnelRequest)
  | ({ readonly kind: 'cancel' } & Cancel);

/** Agent to relay, first generation: the whole answer. */
export interface TunnelResponse {
  readonly id: string;
  /** Any 16-bit number: to be checked before it is passed on. */
  readonly status: number;
  readonly headers: HeaderMap;
  /** Empty when there is none; undefined when it is not base64. */
  readonly body: Buffer | undefined;
}

/** Agent to relay, second generation. */
export interface ResponseHead {
  readonly id: string;
  readonly status: number;
  readonly headers: HeaderMap;
}

export interface ResponseChunk {
  readonly id: string;
  /** May be empty; undefined when it is not base64. */
  readonly data: Buffer | undefined;
  /** The answer is complete after these bytes. */
  readonly last: boolean;
}

/** Before the head: there is no answer. After it: the answer will never be complete. */
export interface ResponseError {
  readonly id: string;
  readonly message: string;
}

export type AgentMessage =
  | ({ readonly kind: 'response' } & TunnelResponse)
  | ({ readonly kind: 'response_head' } & ResponseHead)
  | ({ readonly kind: 'response_chunk' } & ResponseChunk)
  | ({ readonly kind: 'response_error' } & ResponseError);

export function encodeRegisterRequest({ token, subdomain }: RegisterRequest): string {
  return JSON.stringify({ token, subdomain: subdomain ?? null });
}

export function decodeRegisterRequest(text: string): RegisterRequest | undefined {
  const raw = parse(text);
  const token = raw?.['token'];
  const subdomain = raw?.['subdomain'] ?? undefined;
  if (typeof token !== 'string' || (subdomain !== undefined && typeof subdomain !== 'string')) {
    return undefined;
  }
  return { token, subdomain };
}

export function encodeRegisterAck({ subdomain, url }: RegisterAck): string {
  return JSON.stringify({ subdomain, url });
}

export function encodeSubdomainOffer({ subdomains }: SubdomainOffer): string {
  return JSON.stringify({ subdomains });
}

/** What a relay may say to a registration; the acknowledgement is looked for first. */
export function decodeRegistrationAnswer(text: string): RegisterAck | SubdomainOffer | undefined {
  const raw = parse(text);
  if (raw === undefined) return undefined;
  const { subdomain, url, subdomains } = raw;
  if (typeof subdomain === 'string' && typeof url === 'string') return { subdomain, url };
  if (!Array.isArray(subdomains) || !subdomains.every((entry) => typeof entry === 'string')) return undefined;
  return { subdomains };
}

export function encodeSubdomainPick({ subdomain }: SubdomainPick): string {
  return JSON.stringify({ subdomain });
}

export function decodeSubdomainPick(text: string): SubdomainPick | undefined {
  const subdomain = parse(text)?.['subdomain'];
  return typeof subdomain === 'string' ? { subdomain } : undefined;
}

export function encodeTunnelRequest(request: TunnelRequest): string {
  const { generation, id, method, path, headers, body } = request;
  const kind = generation === 'streamed' ? { kind: 'request' } : {};
  return JSON.stringify({ ...kind, id, method, path, headers: record(headers), body: bodyText(body) });
}

/** Only the second generation has it; the first skips the message. */
export function encodeCancel({ id }: Cancel): string {
  return JSON.stringify({ kind: 'cancel', id });
}

/** What a relay says to an agent that is registered. */
export function decodeRelayMessage(text: string): RelayMessage | undefined {
  const raw = parse(text);
  if (raw === undefined) return undefined;
  const { kind, id, method, path } = raw;
  if (typeof id !== 'string') return undefined;
  if (kind === 'cancel') return { kind, id };
  if (kind !== undefined && kind !== 'request') return undefined;
  const headers = headerMap(raw['headers']);
  const body = bodyBytes(raw['body']);
  if (typeof method !== 'string' || typeof path !== 'string' || headers === undefined) return undefined;
  if (body === 'not-text') return undefined;
  const generation = kind === undefined ? 'buffered' : 'streamed';
  return { kind: 'request', generation, id, method, path, headers, body };
}

export function encodeTunnelResponse({ id, status, headers, body }: TunnelResponse): string {
  return JSON.stringify({ id, status, headers: record(headers), body: bodyText(body) });
}

export function encodeResponseHead({ id, status, headers }: ResponseHead): string {
  return JSON.stringify({ kind: 'response_head', id, status, headers: record(headers) });
}

export function encodeResponseChunk(id: string, data: Buffer, last: boolean): string {
  return JSON.stringify({ kind: 'response_chunk', id, data: base64Of(data), last });
}

export function encodeResponseError({ id, message }: ResponseError): string {
  return JSON.stringify({ kind: 'response_error', id, message });
}

/** What an agent says once it is registered. */
export function decodeAgentMessage(text: string): AgentMessage | undefined {
  const raw = parse(text);
  if (raw === undefined) return undefined;
  const { kind, id, status, data, last, message } = raw;
  if (typeof id !== 'string') return undefined;
  if (kind === 'response_chunk') {
    if (typeof data !== 'string' || typeof last !== 'boolean') return undefined;
    return { kind, id, data: bytesOf(data), last };
  }
  if (kind === 'response_error') return typeof message === 'string' ? { kind, id, message } : undefined;
  const headers = headerMap(raw['headers']);
  if (!isUnsigned16(status) || headers === undefined) return undefined;
  if (kind === 'response_head') return { kind, id, status, headers };
  const body = bodyBytes(raw['body']);
  if (kind !== undefined || body === 'not-text') return undefined;
  return { kind: 'response', id, status, headers, body };
}

function parse(text: string): Record<string, unknown> | undefined {
  const raw = parseJson(text);
  const isObject = typeof raw === 'object' && raw !== null && !Array.isArray(raw);
  return isObject ? (raw as Record<string, unknown>) : undefined;
}

function isUnsigned16(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535;
}

function headerMap(raw: unknown): HeaderMap | undefined {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return undefined;
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(raw)) {
    if (typeof value !== 'string') return undefined;
    headers.set(name.toLowerCase(), value);
  }
  return headers;
}

function record(headers: HeaderMap): Record<string, string> {
  return Object.fromEntries(headers);
}

function bodyText(body: Buffer | undefined): string | null {
  return body === undefined || body.length === 0 ? null : base64Of(body);
}

function bodyBytes(raw: unknown): Buffer | undefined | 'not-text' {
  if (raw === undefined || raw === null) return Buffer.alloc(0);
  return typeof raw === 'string' ? bytesOf(raw) : 'not-text';
}
