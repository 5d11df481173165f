import { type DestinationStream, pino } from 'pino';

/** What may wait for a slow reader (bytes). Beyond it lines are dropped: the files have them. */
const MAX_QUEUED_BYTES = 1_048_576;

/** Log lines on standard output. A reader that stalls holds up no traffic. */
export function standardOutput(): DestinationStream {
  const stream = pino.destination({ dest: 1, sync: false, maxLength: MAX_QUEUED_BYTES });
  // The reader is gone: the files have it all.
  stream.on('error', () => {});
  return stream;
}
