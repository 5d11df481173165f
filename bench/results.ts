import type { BulkCell } from './bulk.ts';
import type { IdleCell } from './idle-memory.ts';
import type { SmallCell } from './small.ts';
import type { SseCell } from './sse.ts';
import type { StartUp } from './start-up.ts';

/** All numbers of one run; also the shape of `--json`. */
export interface Results {
  readonly environment: {
    /** ISO 8601. */
    readonly at: string;
    readonly node: string;
    readonly cpu: string;
    readonly cores: number;
    readonly origin: 'nginx' | 'node';
    readonly load: 'wrk' | 'node';
    /** Of the other programs that took part. */
    readonly versions: readonly string[];
    /** What was to take part and could not. */
    readonly missing: readonly string[];
    readonly quick: boolean;
  };
  readonly small: readonly SmallCell[];
  readonly bulk: readonly BulkCell[];
  readonly sse: readonly SseCell[];
  readonly idle: readonly IdleCell[];
  /** Absent where the relay alone was measured. */
  readonly startUp?: StartUp;
}
