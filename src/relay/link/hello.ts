import type { EdgeAccess } from '../../access/edge-access.ts';
import { parseJson } from '../../core/parse-json.ts';
import { decodeAccess, encodeAccess } from './access-frame.ts';
import { MAX_FRAME_BYTES } from './frame.ts';
import { LinkError } from './link-error.ts';

const LINK_VERSION = 1;

/** Body bytes a stream may have under way. docs/relay-protocol.md says what it was measured with. */
const DEFAULT_WINDOW_BYTES = 262_144;
/** Below four frames a stream can stall waiting for the half window that returns its credit. */
const MIN_WINDOW_FRAMES = 4;
const MAX_WINDOW_BYTES = 16_777_216;
/** A head of 32 KiB and some body must fit. */
const MIN_FRAME_BYTES = 40_960;
const MAX_HELLO_BYTES = 8_192;

/** What each side says of itself. JSON, so that later versions can add to it. */
export interface LinkTerms {
  readonly version: number;
  readonly window: number;
  readonly maxStreams: number;
  readonly maxFrame: number;
}

/** The agent's HELLO. */
export interface AgentHello extends LinkTerms {
  readonly name: string;
  readonly token: string;
  /** Who may call, for a relay that turns strangers away itself. */
  readonly access?: EdgeAccess;
  /** Does not take the name over from another agent of the same identity that serves it. */
  readonly yields?: boolean;
  /** Made up by the agent: links of one group serve the name together. */
  readonly group?: string;
}

/** The relay's answer. */
export interface RelayHello extends LinkTerms {
  readonly publicUrl: string;
  /** Names this link among all links of the relay, for logs on both sides. */
  readonly link: string;
  /** The agent's, from a relay that lets several links serve a name. */
  readonly group?: string;
  /** The relay answers CHECK. */
  readonly checks?: boolean;
  /** The relay knows agents that yield. */
  readonly yields?: boolean;
}

export function ownTerms(maxStreams: number): LinkTerms {
  return { version: LINK_VERSION, window: DEFAULT_WINDOW_BYTES, maxStreams, maxFrame: MAX_FRAME_BYTES };
}

export function encodeHello(hello: AgentHello | RelayHello): Buffer {
  const access =
    'access' in hello && hello.access !== undefined ? { access: encodeAccess(hello.access) } : {};
  return Buffer.from(JSON.stringify({ ...hello, ...access }));
}

/** @throws {LinkError} `protocol` */
export function decodeAgentHello(payload: Buffer): AgentHello {
  const raw = parse(payload);
  const access = raw['access'] === undefined ? {} : { access: decodeAccess(raw['access']) };
  return {
    ...terms(raw),
    name: text(raw, 'name'),
    token: text(raw, 'token'),
    ...access,
    ...group(raw),
    ...flag(raw, 'yields'),
  };
}

/** @throws {LinkError} `protocol` */
export function decodeRelayHello(payload: Buffer): RelayHello {
  const raw = parse(payload);
  const known = { ...flag(raw, 'checks'), ...flag(raw, 'yields') };
  const named = { publicUrl: text(raw, 'publicUrl'), link: text(raw, 'link') };
  return { ...terms(raw), ...named, ...group(raw), ...known };
}

function flag<Name extends string>(raw: Record<string, unknown>, name: Name): { [key in Name]?: boolean } {
  return raw[name] === true ? ({ [name]: true } as { [key in Name]: boolean }) : {};
}

function group(raw: Record<string, unknown>): { group?: string } {
  return raw['group'] === undefined ? {} : { group: text(raw, 'group') };
}

function parse(payload: Buffer): Record<string, unknown> {
  if (payload.length > MAX_HELLO_BYTES) throw new LinkError('protocol', 'HELLO is too long');
  const raw = parseJson(payload.toString());
  if (typeof raw === 'object' && raw !== null) return raw as Record<string, unknown>;
  throw new LinkError('protocol', 'HELLO is not a JSON object');
}

function terms(raw: Record<string, unknown>): LinkTerms {
  const version = number(raw, 'version', 1, Number.MAX_SAFE_INTEGER);
  if (version !== LINK_VERSION) {
    throw new LinkError('protocol', `version ${version} is not supported, only ${LINK_VERSION}`);
  }
  const maxFrame = number(raw, 'maxFrame', MIN_FRAME_BYTES, Number.MAX_SAFE_INTEGER);
  const usable = Math.min(maxFrame, MAX_FRAME_BYTES);
  return {
    version,
    maxFrame: usable,
    window: number(raw, 'window', usable * MIN_WINDOW_FRAMES, MAX_WINDOW_BYTES),
    maxStreams: number(raw, 'maxStreams', 1, 1_000_000),
  };
}

function number(raw: Record<string, unknown>, key: string, min: number, max: number): number {
  const value = raw[key];
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new LinkError('protocol', `HELLO: ${key} is not a whole number from ${min} to ${max}`);
}

function text(raw: Record<string, unknown>, key: string): string {
  const value = raw[key];
  if (typeof value === 'string' && value.length <= 1_024) return value;
  throw new LinkError('protocol', `HELLO: ${key} is not a string of at most 1024 characters`);
}
