import type { Logger } from '../core/log.ts';
import type { HealthReport } from '../core/status.ts';
import type { LegsOptions } from './legs.ts';

export interface HealthMonitorOptions extends LegsOptions {
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  readonly log: Logger;
  /** Whether anything but the tunnel can be reached. Asked only when the public leg fails. */
  online(): Promise<boolean>;
  /** Event streams that visitors have open through the public URL. */
  visitorStreams(): number;
  /** After every round of looks, and whenever the verdict changes. */
  onReport(report: HealthReport): void;
  /** The session is no good, and another may be better. */
  onReplace(reason: string): void;
  /** The session must end at once: a request without a token was not refused. */
  onExposed(reason: string): void;
}
