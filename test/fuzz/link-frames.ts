import { FRAME_HEADER_BYTES, FrameDecoder, FrameType, writeFrameHeader } from '../../src/relay/link/frame.ts';
import { LinkError } from '../../src/relay/link/link-error.ts';
import { cut, pick, type Random, randomBytes, spoiled } from './random.ts';
import { refusedOr, same, type Target } from './target.ts';

type Seen = [type: number, id: number, payload: string, end: boolean];

/** What was written comes out however it is cut; what was spoiled is refused or read in one way. */
export const linkFrames: Target = {
  name: 'frames of a link',
  perThousand: 1_000,
  run(random) {
    const frames = Array.from({ length: 1 + random(4) }, () => frame(random));
    const wire = Buffer.concat(frames.map(({ bytes }) => bytes));
    same('frames', read(cut(random, wire)), read([Buffer.from(wire)]));
    same('frames', read([Buffer.from(wire)]), merged(frames.map(({ seen }) => seen)));
    const broken = spoiled(random, wire, 3);
    same('spoiled frames', read(cut(random, broken)), read([Buffer.from(broken)]));
  },
};

function frame(random: Random): { bytes: Buffer; seen: Seen } {
  const type = pick(random, Object.values(FrameType));
  const id = random(2 ** 32);
  const payload = randomBytes(random, 40);
  const end = random(2) === 0;
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
  payload.copy(bytes, writeFrameHeader(bytes, 0, id, payload.length, type, end));
  return { bytes, seen: [type, id, payload.toString('hex'), end] };
}

function read(pieces: readonly Buffer[]): Seen[] {
  const seen: Seen[] = [];
  const decoder = new FrameDecoder({
    frame: (type, id, payload, end) => void seen.push([type, id, payload.toString('hex'), end]),
    data: (id, piece, end) => void seen.push([FrameType.data, id, piece.toString('hex'), end]),
  });
  refusedOr(LinkError, () => {
    for (const piece of pieces) decoder.push(piece);
  });
  return merged(seen);
}

/** The pieces of a body say nothing of the frames they came in. */
function merged(seen: readonly Seen[]): Seen[] {
  const whole: Seen[] = [];
  for (const [type, id, payload, end] of seen) {
    const last = whole.at(-1);
    if (type === FrameType.data && last?.[0] === type && last[1] === id && !last[3]) {
      last[2] += payload;
      last[3] = end;
    } else whole.push([type, id, payload, end]);
  }
  return whole;
}
