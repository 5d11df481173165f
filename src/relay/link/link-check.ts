import { parseJson } from '../../core/parse-json.ts';
import { LinkError } from './link-error.ts';

/**
 * CHECK: the agent asks the relay to look at the link's own name from the relay's side, as a visitor's
 * request would. It names nothing but a nonce, so that it can be used for nothing else.
 */
export interface CheckQuestion {
  /** Made up by the agent. The relay puts it into the request, and repeats it in its answer. */
  readonly nonce: string;
}

/** CHECKED: what the relay saw. */
export interface CheckAnswer {
  readonly nonce: string;
  /** Of the answer to the relay's request; absent when there was none. */
  readonly status?: number;
  /** The answer repeated the nonce as only the agent's gateway can. */
  readonly proven: boolean;
  /** Why there was no such answer. */
  readonly detail?: string;
  /** The relay did not look: asked too often. */
  readonly refused?: boolean;
}

/** Request header, relay to agent: which CHECK it belongs to. */
export const CHECK_HEADER = 'x-tunneld-check';

const NONCE = /^[A-Za-z0-9_-]{16,64}$/;
const MAX_BYTES = 1_024;
const MAX_DETAIL = 200;

export function encodeCheck(message: CheckQuestion | CheckAnswer): Buffer {
  return Buffer.from(JSON.stringify(message));
}

/** @throws {LinkError} `protocol` */
export function decodeQuestion(payload: Buffer): CheckQuestion {
  return { nonce: nonceOf(parse(payload)) };
}

/** @throws {LinkError} `protocol` */
export function decodeAnswer(payload: Buffer): CheckAnswer {
  const raw = parse(payload);
  const { status, proven, detail, refused } = raw;
  return {
    nonce: nonceOf(raw),
    proven: proven === true,
    ...(typeof status === 'number' ? { status } : {}),
    ...(typeof detail === 'string' ? { detail: printable(detail) } : {}),
    ...(refused === true ? { refused } : {}),
  };
}

function parse(payload: Buffer): Record<string, unknown> {
  if (payload.length > MAX_BYTES) throw new LinkError('protocol', 'a CHECK is too long');
  const raw = parseJson(payload.toString());
  if (typeof raw === 'object' && raw !== null) return raw as Record<string, unknown>;
  throw new LinkError('protocol', 'a CHECK is not a JSON object');
}

function nonceOf(raw: Record<string, unknown>): string {
  const nonce = raw['nonce'];
  if (typeof nonce === 'string' && NONCE.test(nonce)) return nonce;
  throw new LinkError('protocol', 'a CHECK without a nonce');
}

/** The peer's words end up in logs and on terminals. */
function printable(text: string): string {
  return text.slice(0, MAX_DETAIL).replaceAll(/[^\x20-\x7e]/g, '?');
}
