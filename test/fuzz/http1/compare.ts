import { serializeRequestHead, serializeResponseHead } from '../../../src/http1/rewrite.ts';
import { LAST_CHUNK } from '../../../src/http1/socket-writer.ts';
import { pick, seededRandom } from '../random.ts';
import { type Kind, knownMethods, type OurReading, type Reading, readLlhttp, readOurs } from './readings.ts';
import { Samples } from './samples.ts';

export interface Disagreement {
  readonly case: number;
  readonly kind: string;
  readonly wire: string;
  readonly ours: readonly Reading[];
  readonly llhttp: readonly Reading[];
}

export interface Comparison {
  readonly cases: number;
  /** Messages both took, and took alike. */
  alike: number;
  /** Cases with a message that llhttp takes and we refuse. */
  stricter: number;
  /** Cases neither took anything from. */
  refused: number;
  readonly disagreements: Disagreement[];
}

/** More of them than anybody reads. */
const ENOUGH = 10;

/**
 * Gives both parsers the same bytes. Whatever ours takes, llhttp must take, and the same of it; and what
 * we would send on for it must be that message again.
 */
export function compare(cases: number, seed: number): Comparison {
  const random = seededRandom(seed);
  const samples = new Samples(random);
  const result: Comparison = { cases, alike: 0, stricter: 0, refused: 0, disagreements: [] };
  for (let i = 0; i < cases && result.disagreements.length < ENOUGH; i++) {
    const kind: Kind =
      random(2) === 0
        ? { request: true }
        : { request: false, method: pick(random, ['GET', 'GET', 'POST', 'HEAD']) };
    let wire = '';
    for (let messages = 1 + random(2); messages > 0; messages--) {
      wire += kind.request ? samples.request() : samples.response();
    }
    wire = samples.mutate(wire, random(3));
    const pieces = samples.cut(wire);
    const ours = readOurs(pieces, kind);
    const llhttp = readLlhttp(pieces, kind);
    const checked = kind.request ? untilUnknownMethod(ours) : ours;
    const same = checked.every(
      (reading, at) => isSame(reading, llhttp[at]) && isSame(reading, sentOn(reading, kind), true),
    );
    if (!same) {
      const what = kind.request ? 'request' : `answer to ${kind.method}`;
      result.disagreements.push({ case: i, kind: what, wire, ours: ours.map(plain), llhttp });
    }
    result.alike += checked.length;
    if (ours.length < llhttp.length) result.stricter++;
    if (ours.length === 0 && llhttp.length === 0) result.refused++;
  }
  return result;
}

/** llhttp's reading of what we would write for a message that we took. */
function sentOn(reading: OurReading, kind: Kind): Reading | undefined {
  const { head, body } = reading;
  const text =
    'status' in head
      ? serializeResponseHead(head, { requestMethod: kind.request ? 'GET' : kind.method })
      : serializeRequestHead(head);
  // A switched connection has no message after it; interim answers have no body.
  const framing =
    'status' in head && (head.status < 200 || (body === '' && head.framing.kind === 'none'))
      ? 'none'
      : head.framing.kind;
  const chunk = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
  const wire = `${text}\r\n\r\n${framing === 'stream' ? chunk + LAST_CHUNK : body}`;
  const messages = readLlhttp([Buffer.from(wire, 'latin1')], kind);
  return messages.length === 1 ? messages[0] : undefined;
}

/** @param rewritten the head is ours: only start and body are to be as they were */
function isSame(ours: OurReading, other: Reading | undefined, rewritten = false): boolean {
  if (other === undefined || ours.body !== other.body) return false;
  const { head } = ours;
  const start = rewritten && !('status' in head) ? `${head.method} ${head.target}` : ours.start;
  if (start !== other.start) return false;
  return (
    rewritten ||
    (ours.headers.length === other.headers.length &&
      ours.headers.every((text, at) => text === other.headers[at]))
  );
}

function untilUnknownMethod(readings: readonly OurReading[]): readonly OurReading[] {
  const at = readings.findIndex(({ start }) => !knownMethods.has(start.slice(0, start.indexOf(' '))));
  return at < 0 ? readings : readings.slice(0, at);
}

function plain({ start, headers, body }: OurReading): Reading {
  return { start, headers, body };
}
